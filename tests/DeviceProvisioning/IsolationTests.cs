using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>Row-level security by itself: what a query sees that forgot its WHERE.</summary>
public sealed class IsolationTests(DevicesHost host)
{
    private readonly Guid _mine = Guid.CreateVersion7();
    private readonly Guid _theirs = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("devices")]
    [InlineData("credentials")]
    [InlineData("tenant_quotas")]
    [InlineData("idempotency_keys")]
    [InlineData("commands")]
    [InlineData("mqtt_sessions")]
    public async Task Without_a_where_a_caller_sees_one_tenant(string table)
    {
        await FillAsync();
        await using var source = NpgsqlDataSource.Create(host.Database.For("devices_app") + ";Maximum Pool Size=1");
        await using (var connection = await source.OpenConnectionAsync(Cancellation))
        {
            await using var transaction = await connection.BeginTenantAsync(_mine, Cancellation);
            Assert.Equal([_mine], await TenantsAsync(connection, table));
        }

        // The same connection from the pool, no tenant set: the setting reads as the empty string now.
        await using (var reused = await source.OpenConnectionAsync(Cancellation))
        {
            Assert.Empty(await TenantsAsync(reused, table));
        }

        await using var fresh = new NpgsqlConnection(host.Database.For("devices_app") + ";Pooling=false");
        await fresh.OpenAsync(Cancellation);
        Assert.Empty(await TenantsAsync(fresh, table));
    }

    [Fact]
    public async Task A_caller_cannot_write_into_another_tenant()
    {
        await using var source = NpgsqlDataSource.Create(host.Database.For("devices_app"));
        await using var connection = await source.OpenConnectionAsync(Cancellation);
        await using var transaction = await connection.BeginTenantAsync(_mine, Cancellation);
        await using var insert = new NpgsqlCommand(
            $"INSERT INTO devices (id, tenant_id, status, created_at) VALUES (gen_random_uuid(), '{_theirs}', 'claimed', now())", connection);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => insert.ExecuteNonQueryAsync(Cancellation));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    [Theory]
    [InlineData("SELECT * FROM outbox")]
    [InlineData("SELECT * FROM inbox")]
    [InlineData("SELECT secret_sha256 FROM credentials")]
    [InlineData("UPDATE devices SET tenant_id = gen_random_uuid()")]
    [InlineData("UPDATE devices SET hardware_id = 'mine'")]
    [InlineData("SELECT * FROM registry")]
    [InlineData("SELECT * FROM tenants")]
    [InlineData("SELECT * FROM used_signatures")]
    [InlineData("SELECT * FROM claim_attempts")]
    [InlineData("SELECT * FROM session_ends")]
    [InlineData("UPDATE commands SET state = 'acknowledged'")]
    [InlineData("DELETE FROM mqtt_sessions")]
    [InlineData("DELETE FROM idempotency_keys")]
    [InlineData("UPDATE tenant_quotas SET quota_devices = 0")]
    [InlineData("ALTER TABLE devices DISABLE ROW LEVEL SECURITY")]
    [InlineData("CREATE TABLE mine (id int)")]
    public async Task The_callers_role_may_not(string sql)
    {
        await using var source = NpgsqlDataSource.Create(host.Database.For("devices_app"));
        await using var command = source.CreateCommand(sql);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(Cancellation));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    private async Task FillAsync()
    {
        foreach (var tenant in new[] { _mine, _theirs })
        {
            using var answer = await host.Installer(tenant).PostProvisionAsync(key: "isolation");
            await host.ScalarAsync<object>("INSERT INTO tenant_quotas VALUES ($1, 'starter', 0, 1)", tenant);
            var device = (await host.Installer(tenant).ProvisionAsync()).device_id;
            (await host.Operator(tenant).PostCommandAsync(device, new { name = "reboot" })).EnsureSuccessStatusCode();
            await host.Broker().ConnectedAsync(new(device, tenant), $"isolation-{device}");
        }
    }

    private static async Task<List<Guid>> TenantsAsync(NpgsqlConnection connection, string table)
    {
        await using var command = new NpgsqlCommand($"SELECT DISTINCT tenant_id FROM {table}", connection);
        await using var reader = await command.ExecuteReaderAsync(Cancellation);
        var tenants = new List<Guid>();
        while (await reader.ReadAsync(Cancellation))
        {
            tenants.Add(reader.GetGuid(0));
        }

        return tenants;
    }
}
