using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.BillingQuota;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Contracts.Identity;
using EasySmart.Contracts.Ingestion;
using EasySmart.Contracts.Quotas;
using EasySmart.Hosting;

namespace EasySmart.Contracts.Tests;

/// <summary>
/// The shape of every event as it lies in an outbox or a queue, against a committed file. Events change by addition only: the diff of a
/// snapshot may add lines and must not remove or change one, since messages of the earlier build may still be under way.
/// </summary>
public sealed class EventShapes
{
    private static readonly Guid A = new("01890000-0000-7000-8000-00000000000a");
    private static readonly Guid B = new("01890000-0000-7000-8000-00000000000b");
    private static readonly DateTimeOffset At = new(2026, 2, 15, 0, 0, 0, TimeSpan.Zero);

    private static readonly IntegrationEvent[] All =
    [
        new TenantCreated { EventId = A, OccurredAt = At, RequestId = "r", TenantId = B },
        new UserRegistered { EventId = A, OccurredAt = At, RequestId = "r", TenantId = B, UserId = A, Email = "a@example.com", Role = "tenant_admin" },
        new ApiKeyRevoked { EventId = A, OccurredAt = At, RequestId = "r", TenantId = B, ApiKeyId = A },
        new TenantStatusChanged { EventId = A, OccurredAt = At, RequestId = "r", TenantId = B, Name = "Plant", Status = "suspended", Version = 7 },
        new UserStatusChanged
        {
            EventId = A, OccurredAt = At, RequestId = "r", TenantId = B, UserId = A, Role = "tenant_user", Status = "active", Version = 7,
        },
        new DeviceChanged
        {
            EventId = A, OccurredAt = At, RequestId = "r", DeviceId = A, TenantId = B, DeviceLabel = "pump", Status = DeviceStatus.Claimed, Version = 7,
        },
        new DeviceRegistered
        {
            EventId = A, OccurredAt = At, RequestId = "r", TenantId = B, DeviceId = A, DeviceLabel = "pump", Source = "provision", UserId = B,
            UserEmail = "a@example.com", Status = DeviceStatus.Claimed,
        },
        new UsageRecorded { EventId = A, OccurredAt = At, Entries = [new UsageEntry(B, At, 1, 2, 3, 4, 5, 6, 7)] },
        new StorageReconciled { EventId = A, OccurredAt = At, Entries = [new ReconciledEntry(B, 1, 2, 3, 4)] },
        new DevicesSeen { EventId = A, OccurredAt = At, Entries = [new SeenEntry(B, A, At)] },
        new TenantQuotaChanged
        {
            EventId = A, OccurredAt = At, RequestId = "r", TenantId = B, PlanType = "starter", BillingCycle = "monthly", QuotaDevices = 0,
            QuotaMsgsPerMin = 360, QuotaStorageMb = 1000, AllowOverage = false, Version = 7, RetentionDays = 90,
            StorageBlocked = true, StorageBytes = 1_000_000_000,
        },
        new QuotaExceeded
        {
            EventId = A, OccurredAt = At, RequestId = "r", TenantId = B, DeviceId = A, Limit = QuotaLimits.MessagesPerMinute, Percent = 80, Max = 360,
            Used = 288, Overage = false,
        },
        new AuditRecorded
        {
            EventId = A, OccurredAt = At, RequestId = "r", TenantId = B, UserId = A, DeviceId = A, EventType = "auth.login", EventCategory = "auth",
            Severity = "info", ActorType = "user", ActorId = "x", ResourceType = "user", ResourceId = "y", Action = "login", Result = "success",
            IpAddress = "203.0.113.7", UserAgent = "curl", Metadata = JsonSerializer.SerializeToElement(new { why = "because" }),
        },
    ];

    public static TheoryData<string> Types => [.. typeof(IntegrationEvent).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(IntegrationEvent))).Select(t => t.Name)];

    [Theory]
    [MemberData(nameof(Types))]
    public async Task An_event_keeps_its_shape(string type)
    {
        var sample = Assert.Single(All, e => e.GetType().Name == type);
        var json = JsonSerializer.Serialize(sample, sample.GetType());
        await Snapshot.AssertAsync($"{type}.json", json);
        var read = JsonSerializer.Deserialize(json, sample.GetType());
        Assert.Equal(json, JsonSerializer.Serialize(read, sample.GetType()));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void A_field_that_a_later_build_added_is_ignored(string type)
    {
        var sample = Assert.Single(All, e => e.GetType().Name == type);
        var json = JsonSerializer.Serialize(sample, sample.GetType()).Insert(1, "\"AddedLater\": {\"x\": 1},");
        Assert.NotNull(JsonSerializer.Deserialize(json, sample.GetType()));
    }
}
