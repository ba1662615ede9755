using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.Identity;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.Identity.Tests;

/// <summary>What goes out over RabbitMQ, and the audit records that come back.</summary>
public sealed class AuditTests(IdentityHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Registering_tells_the_others()
    {
        await using var others = new EventProbe(host, "test-identity").On<TenantCreated>().On<UserRegistered>();
        await others.StartAsync();
        var (person, session) = await Person.RegisteredAsync(host);
        var tenant = session.GetProperty("user").GetProperty("tenant_id").GetGuid();
        await others.ExpectAsync<TenantCreated>(e => e.TenantId == tenant);
        var registered = await others.ExpectAsync<UserRegistered>(e => e.Email == person.Email);
        Assert.Equal((tenant, "tenant_admin"), (registered.TenantId, registered.Role));
        Assert.Equal(session.GetProperty("user").GetProperty("user_id").GetGuid(), registered.UserId);
        Assert.NotNull(registered.RequestId);
    }

    [Fact]
    public async Task Logins_good_and_bad_are_recorded_and_never_the_password()
    {
        var (person, session) = await Person.RegisteredAsync(host);
        await person.LoginAsync("Wr0ng-horse");
        await Person.OkAsync(await person.LoginAsync());

        var good = await person.AuditedAsync("auth.login", "success");
        var user = session.GetProperty("user");
        Assert.Equal(user.GetProperty("user_id").GetGuid(), good["user_id"]);
        Assert.Equal(user.GetProperty("tenant_id").GetGuid(), good["tenant_id"]);
        Assert.Equal(("auth", "info", "user", "login"), (good["event_category"], good["severity"], good["actor_type"], good["action"]));
        Assert.Equal("203.0.113.7", good["ip_address"]);
        Assert.NotNull(good["request_id"]);

        var bad = await person.AuditedAsync("auth.login", "failed");
        Assert.Equal(("anonymous", "warning"), (bad["actor_type"], bad["severity"]));
        Assert.Equal("wrong_password", Metadata(bad, "reason"));
        Assert.DoesNotContain("horse", string.Join('\n', bad.Values), StringComparison.Ordinal);

        var stranger = new Person(host);
        await stranger.LoginAsync();
        Assert.Equal("unknown_email", Metadata(await stranger.AuditedAsync("auth.login", "failed"), "reason"));
    }

    [Fact]
    public async Task Every_field_of_another_services_record_is_kept_once()
    {
        var record = new AuditRecorded
        {
            OccurredAt = new DateTimeOffset(2026, 2, 15, 1, 2, 3, 456, TimeSpan.Zero),
            RequestId = "request",
            TenantId = Guid.CreateVersion7(),
            UserId = Guid.CreateVersion7(),
            DeviceId = Guid.CreateVersion7(),
            EventType = "device.provisioned",
            EventCategory = "device",
            Severity = "critical",
            ActorType = "api_key",
            ActorId = "actor",
            ResourceType = "device",
            ResourceId = "resource",
            Action = "create",
            Result = "skipped",
            IpAddress = "2001:db8::1",
            UserAgent = "agent",
            Metadata = JsonSerializer.SerializeToElement(new { quota = 1.50 }),
        };
        var superuser = host.Database.ForSuperuser();
        await using var source = NpgsqlDataSource.Create(host.Database.For("identity_system"));
        await using (var connection = await source.OpenConnectionAsync(Cancellation))
        await using (var transaction = await connection.BeginTransactionAsync(Cancellation))
        {
            await transaction.PublishAsync(record, "", Cancellation);
            await transaction.CommitAsync(Cancellation);
        }

        var found = await Eventually.GetAsync(async () =>
            (await Sql.RowsAsync(superuser, $"SELECT * FROM audit WHERE event_id = '{record.EventId}'")).SingleOrDefault());
        object?[] expected =
        [
            record.TenantId, record.UserId, record.DeviceId, "device.provisioned", "device", "critical", "api_key", "actor", "device", "resource",
            "create", "skipped", "2001:db8::1", "agent", "request", "{\"quota\": 1.5}", record.OccurredAt.UtcDateTime,
        ];
        string[] columns =
        [
            "tenant_id", "user_id", "device_id", "event_type", "event_category", "severity", "actor_type", "actor_id", "resource_type", "resource_id",
            "action", "result", "ip_address", "user_agent", "request_id", "metadata", "timestamp",
        ];
        Assert.Equal(expected, columns.Select(c => found[c]));

        // A repeat whose inbox entry was cleaned away changes nothing, and does not end in the error queue.
        await Sql.RunAsync(superuser, $"DELETE FROM inbox WHERE event_id = '{record.EventId}'");
        await using (var connection = await source.OpenConnectionAsync(Cancellation))
        await using (var transaction = await connection.BeginTransactionAsync(Cancellation))
        {
            await transaction.PublishAsync(record with { Action = "changed" }, "", Cancellation);
            await transaction.CommitAsync(Cancellation);
        }

        await Eventually.TrueAsync(async () => await Sql.CountAsync(superuser, $"inbox WHERE event_id = '{record.EventId}'") == 1);
        Assert.Equal(1, await Sql.CountAsync(superuser, $"audit WHERE event_id = '{record.EventId}' AND action = 'create'"));
    }

    private static string? Metadata(Dictionary<string, object?> record, string name) =>
        JsonSerializer.Deserialize<JsonElement>((string)record["metadata"]!).GetProperty(name).GetString();
}
