using System.Text;
using EasySmart.Contracts.Quotas;
using EasySmart.Hosting;
using EasySmart.Ingestion.Quotas;
using EasySmart.Ingestion.Tenants;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace EasySmart.Ingestion.Tests;

/// <summary>A host whose minutes end when a test says so, and with quotas that a test makes up.</summary>
public sealed class MinuteHost : IngestionHost
{
    /// <summary>A second after the beginning of a minute.</summary>
    public FakeTimeProvider Clock { get; init; } = new(new DateTimeOffset(DateTimeOffset.UtcNow.Ticks / TimeSpan.TicksPerMinute * TimeSpan.TicksPerMinute, default).AddSeconds(1));

    /// <summary>The next minute, a second after its beginning.</summary>
    public void NextMinute() => Clock.Advance(TimeSpan.FromMinutes(1));

    public async Task<MinuteHost> StartAsync()
    {
        await InitializeAsync();
        return this;
    }

    /// <summary>Returns when this host knows the tenant's quotas.</summary>
    public async Task LimitAsync(Guid tenant, int messages, int storageMb = 0, long blockedAt = 0, string plan = "starter")
    {
        await ScalarAsync<int>(
            """
            WITH put AS (
                INSERT INTO tenant_quotas AS q VALUES ($1, $5, 'monthly', 0, $2, $3, $5 = 'enterprise', 365, 1, now(), $4 > 0, $4)
                ON CONFLICT (tenant_id) DO UPDATE SET quota_msgs_per_min = excluded.quota_msgs_per_min, applied_at = now(), version = q.version + 1,
                    quota_storage_mb = excluded.quota_storage_mb, storage_blocked = excluded.storage_blocked, storage_bytes = excluded.storage_bytes)
            SELECT pg_notify('tenant_quotas', '')
            """,
            tenant, messages, storageMb, blockedAt, plan);
        await KnowsAsync(this, tenant, messages, blockedAt > 0);
    }

    /// <summary>Waits until a host knows.</summary>
    public static Task KnowsAsync(MinuteHost host, Guid tenant, int messages, bool blocked = false) => Eventually.TrueAsync(() => Task.FromResult(
        host.Services.GetRequiredService<TenantQuotas>().Find(tenant) is { } quota && quota.QuotaMsgsPerMin == messages && quota.StorageBlocked == blocked));

    /// <summary>The percentages that were told of a limit of the device, in their order.</summary>
    public async Task<string> ToldAsync(TestOwner.Device device, string limit = QuotaLimits.MessagesPerMinute) => await ScalarAsync<string>(
        """
        SELECT string_agg(body ->> 'Percent', ' ' ORDER BY occurred_at) FROM outbox
        WHERE type LIKE '%QuotaExceeded' AND body ->> 'DeviceId' = $1 AND body ->> 'TenantId' = $2 AND body ->> 'Limit' = $3
        """,
        $"{device.DeviceId}", $"{device.TenantId}", limit) ?? "";

    /// <summary>The audit records of the device, by their names and severities and in their order.</summary>
    public async Task<string> AuditedAsync(TestOwner.Device device) => await ScalarAsync<string>(
        """
        SELECT string_agg(body ->> 'EventType' || ' ' || (body ->> 'Severity'), ', ' ORDER BY occurred_at) FROM outbox
        WHERE type LIKE '%AuditRecorded' AND body ->> 'DeviceId' = $1
        """,
        $"{device.DeviceId}") ?? "";

    public async Task<HttpResponseMessage> SendAsync(TestOwner.Device device, string payload, string query = "")
    {
        using var client = As(null, permissions: "telemetry:write");
        return await client.PostAsync($"/telemetry{query}", Json(Body(device, payload)), TestContext.Current.CancellationToken);
    }

    /// <summary>Sends a message that is to be answered with <paramref name="status"/>. Returns the answer's body.</summary>
    public async Task<string> PostAsync(TestOwner.Device device, string payload, int status, string query = "")
    {
        using var answer = await SendAsync(device, payload, query);
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True((int)answer.StatusCode == status, $"{(int)answer.StatusCode}: {text}");
        return text;
    }

    public static string Body(TestOwner.Device device, string payload) => $$"""{"topic":"{{device.Topic()}}","payload":{{payload}}}""";

    public static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        base.ConfigureWebHost(builder);
        builder.ConfigureServices(services => services.AddSingleton(provider => new QuotaGate(provider.GetRequiredService<Outages>(), Clock)));
    }

    protected override async Task PrepareAsync()
    {
        await base.PrepareAsync();
        // However busy the machine, no beat is taken for missed.
        Settings["Ingestion:OutageSeconds"] = "86400";
    }
}
