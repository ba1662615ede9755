using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Contracts.Identity;
using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.Notifier.Tests;

/// <summary>Each event is recorded once, with the words that people would read, and audited.</summary>
public sealed class NotificationsTests(NotifierHost host)
{
    private static readonly DateTimeOffset Time = new(2026, 2, 15, 12, 30, 5, TimeSpan.Zero);
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_user_registered()
    {
        var registered = UserRegistered();
        await host.Others.PublishAsync(registered);
        var audit = await AuditAsync();

        var (kind, result, reason, text) = Assert.Single(await RecordedAsync());
        Assert.Equal(("user_registered", "skipped", "no bot configured"), (kind, result, reason));
        Assert.Equal(
            $"""
            🧾 [USUARIO] Cadastro
            • email: ana@example.com
            • role: tenant_admin
            • user_id: {registered.UserId}
            • tenant_id: {_tenant}
            • request_id: req-1
            • horario: 15/02/2026 09:30:05
            """,
            text);
        Assert.Equal(("ops.user_registered_notified", "ops", "telegram_notify", "skipped"), (audit.EventType, audit.EventCategory, audit.Action, audit.Result));
        Assert.Equal((registered.UserId, null, "req-1"), (audit.UserId, audit.DeviceId, audit.RequestId));
        Assert.Equal(("system", "notifier", "user", registered.UserId.ToString()), (audit.ActorType, audit.ActorId, audit.ResourceType, audit.ResourceId));
        Assert.Equal("no bot configured", audit.Metadata?.GetProperty("reason").GetString());
    }

    [Fact]
    public async Task A_device_provisioned_by_a_user()
    {
        var user = Guid.CreateVersion7();
        var registered = DeviceRegistered("provision") with { UserId = user, UserEmail = "ana@example.com", RequestId = "req-2" };
        await host.Others.PublishAsync(registered);
        var audit = await AuditAsync();

        Assert.Equal(
            $"""
            📟 [DEVICE] Cadastro
            • user_id: {user}
            • tenant_id: {_tenant}
            • user_email: ana@example.com
            • device_id: {registered.DeviceId}
            • device_label: prensa-7
            • source: provision
            • status: claimed
            • request_id: req-2
            • horario: 15/02/2026 09:30:05
            """,
            Assert.Single(await RecordedAsync()).Text);
        Assert.Equal(("ops.device_created_notified", "telegram_notify", "skipped"), (audit.EventType, audit.Action, audit.Result));
        Assert.Equal((user, registered.DeviceId, "device"), (audit.UserId, audit.DeviceId, audit.ResourceType));
    }

    [Fact]
    public async Task A_device_claimed_with_an_API_key()
    {
        var registered = DeviceRegistered("claim");
        await host.Others.PublishAsync(registered);
        await AuditAsync();
        Assert.Equal(
            $"""
            📟 [DEVICE] Cadastro
            • tenant_id: {_tenant}
            • device_id: {registered.DeviceId}
            • device_label: prensa-7
            • source: claim
            • status: claimed
            • horario: 15/02/2026 09:30:05
            """,
            Assert.Single(await RecordedAsync()).Text);
    }

    [Fact]
    public async Task An_event_delivered_again_and_again_is_notified_once()
    {
        var (user, device) = (UserRegistered(), DeviceRegistered("provision"));
        await Task.WhenAll(host.Others.PublishAsync(user, times: 3), host.Others.PublishAsync(device, times: 3));
        await Eventually.TrueAsync(() => Task.FromResult(host.Others.All<AuditRecorded>(e => e.TenantId == _tenant).Count >= 2));
        // Once more, and once more when the inbox has forgotten it.
        await host.Others.PublishAsync(user);
        await OnInboxAsync("DELETE FROM inbox WHERE event_id = $1", user.EventId);
        await host.Others.PublishAsync(user);
        await Eventually.TrueAsync(async () => await IsRememberedAsync(user.EventId));
        await host.Others.PublishAsync(DeviceRegistered("claim"));
        await Eventually.TrueAsync(() => Task.FromResult(host.Others.All<AuditRecorded>(e => e.TenantId == _tenant).Count >= 3));

        Assert.Equal(["device_created", "device_created", "user_registered"], (await RecordedAsync()).Select(one => one.Kind).Order());
        Assert.Equal(
            ["ops.device_created_notified", "ops.device_created_notified", "ops.user_registered_notified"],
            host.Others.All<AuditRecorded>(e => e.TenantId == _tenant).Select(audit => audit.EventType).Order());
    }

    private UserRegistered UserRegistered() => new()
    {
        TenantId = _tenant,
        UserId = Guid.CreateVersion7(),
        Email = "ana@example.com",
        Role = "tenant_admin",
        OccurredAt = Time,
        RequestId = "req-1",
    };

    private DeviceRegistered DeviceRegistered(string source) => new()
    {
        TenantId = _tenant,
        DeviceId = Guid.CreateVersion7(),
        DeviceLabel = "prensa-7",
        Source = source,
        Status = DeviceStatus.Claimed,
        OccurredAt = Time,
    };

    private Task<AuditRecorded> AuditAsync() => Eventually.GetAsync(() => Task.FromResult(host.Others.All<AuditRecorded>(e => e.TenantId == _tenant).SingleOrDefault()));

    private async Task<List<(string Kind, string Result, string Reason, string Text)>> RecordedAsync()
    {
        await using var source = NpgsqlDataSource.Create(host.Database.For("notifier_system"));
        await using var select = source.CreateCommand("SELECT kind, result, reason, text FROM notifications WHERE tenant_id = $1");
        select.Parameters.Add(new() { Value = _tenant });
        await using var reader = await select.ExecuteReaderAsync(Cancellation);
        var recorded = new List<(string, string, string, string)>();
        while (await reader.ReadAsync(Cancellation))
        {
            recorded.Add((reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetString(3)));
        }

        return recorded;
    }

    private async Task<bool> IsRememberedAsync(Guid @event) => await OnInboxAsync("SELECT count(*) FROM inbox WHERE event_id = $1", @event) is 1L;

    private async Task<object?> OnInboxAsync(string sql, Guid @event)
    {
        await using var source = NpgsqlDataSource.Create(host.Database.For("notifier_system"));
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(new() { Value = @event });
        return await command.ExecuteScalarAsync(Cancellation);
    }
}
