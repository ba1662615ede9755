using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Notifier.Tests;

/// <summary>What PostgreSQL lets the callers' role see and do, whatever this service's code says.</summary>
public sealed class TenantIsolationTests(NotifierHost host)
{
    private const string Tenants = "SELECT coalesce(array_agg(tenant_id), '{}') FROM notifications";

    private readonly Guid _mine = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_WHERE_one_tenant_is_seen_and_without_a_tenant_none()
    {
        await AddAsync(_mine);
        await AddAsync(Guid.CreateVersion7());
        // One connection in the pool, so that every use after the first is a reuse.
        await using var source = NpgsqlDataSource.Create(host.Database.For("notifier_app") + ";Maximum Pool Size=1");
        Assert.Empty(await TenantsAsync(source));
        await using (var connection = await source.OpenConnectionAsync(Cancellation))
        {
            await using var transaction = await connection.BeginTenantAsync(_mine, Cancellation);
            await using var command = new NpgsqlCommand(Tenants, connection, transaction);
            Assert.Equal([_mine], (Guid[])(await command.ExecuteScalarAsync(Cancellation))!);
        }

        Assert.Empty(await TenantsAsync(source));
        await using var system = NpgsqlDataSource.Create(host.Database.For("notifier_system"));
        Assert.True((await TenantsAsync(system)).Length > 1);
    }

    [Theory]
    [InlineData("notifier_app", "SELECT * FROM outbox")]
    [InlineData("notifier_app", "SELECT * FROM inbox")]
    [InlineData("notifier_app", "INSERT INTO notifications VALUES (gen_random_uuid(), 'x', NULL, 'skipped', NULL, 'x', now())")]
    [InlineData("notifier_app", "UPDATE notifications SET text = ''")]
    [InlineData("notifier_app", "CREATE TABLE mine (a int)")]
    [InlineData("notifier_system", "UPDATE notifications SET text = ''")]
    [InlineData("notifier_system", "DELETE FROM notifications")]
    [InlineData("notifier_system", "CREATE TABLE mine (a int)")]
    public async Task The_runtime_roles_may_do_no_more_than_they_need(string role, string sql)
    {
        await using var source = NpgsqlDataSource.Create(host.Database.For(role));
        await using var command = source.CreateCommand(sql);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(Cancellation));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    private static async Task<Guid[]> TenantsAsync(NpgsqlDataSource source)
    {
        await using var command = source.CreateCommand(Tenants);
        return (Guid[])(await command.ExecuteScalarAsync(Cancellation))!;
    }

    private async Task AddAsync(Guid tenant)
    {
        await using var system = NpgsqlDataSource.Create(host.Database.For("notifier_system"));
        await using var insert = system.CreateCommand("INSERT INTO notifications VALUES (gen_random_uuid(), 'test', $1, 'skipped', NULL, 'x', now())");
        insert.Parameters.Add(new() { Value = tenant });
        await insert.ExecuteNonQueryAsync(Cancellation);
    }
}
