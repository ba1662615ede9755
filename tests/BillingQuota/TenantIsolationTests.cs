using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.BillingQuota.Tests;

/// <summary>What PostgreSQL lets the callers' role see and do, whatever this service's code says.</summary>
public sealed class TenantIsolationTests(BillingHost host)
{
    private readonly Guid _mine = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("tenant_plans")]
    [InlineData("usage_minutes")]
    [InlineData("usage_pending")]
    [InlineData("usage_ledger")]
    [InlineData("usage_hours")]
    [InlineData("usage_snapshots")]
    [InlineData("reconciliations")]
    [InlineData("tenant_storage")]
    [InlineData("devices")]
    public async Task Without_WHERE_one_tenant_is_seen_and_without_a_tenant_none(string table)
    {
        await AddAsync(_mine);
        await AddAsync(Guid.CreateVersion7());
        var sql = $"SELECT coalesce(array_agg(DISTINCT tenant_id) FILTER (WHERE tenant_id IS NOT NULL), '{{}}') FROM {table}";
        // One connection in the pool, so that every use after the first is a reuse.
        await using var source = NpgsqlDataSource.Create(host.Database.For("billing_app") + ";Maximum Pool Size=1");
        Assert.Empty(await TenantsAsync(source, sql));
        await using (var connection = await source.OpenConnectionAsync(Cancellation))
        {
            await using var transaction = await connection.BeginTenantAsync(_mine, Cancellation);
            await using var command = new NpgsqlCommand(sql, connection, transaction);
            Assert.Equal([_mine], (Guid[])(await command.ExecuteScalarAsync(Cancellation))!);
        }

        Assert.Empty(await TenantsAsync(source, sql));
        await using var system = NpgsqlDataSource.Create(host.Database.For("billing_system"));
        Assert.True((await TenantsAsync(system, sql)).Length > 1);
    }

    [Theory]
    [InlineData("billing_app", "SELECT * FROM outbox")]
    [InlineData("billing_app", "SELECT * FROM inbox")]
    [InlineData("billing_app", "UPDATE tenant_plans SET quota_devices = 0")]
    [InlineData("billing_app", "INSERT INTO usage_minutes VALUES (gen_random_uuid(), now(), 1, 1, 1)")]
    [InlineData("billing_app", "DELETE FROM usage_minutes")]
    [InlineData("billing_app", "SELECT nextval('tenant_plan_version')")]
    [InlineData("billing_app", "CREATE TABLE mine (a int)")]
    [InlineData("billing_app", "INSERT INTO usage_pending VALUES (gen_random_uuid(), now(), 'messages', 1)")]
    [InlineData("billing_app", "INSERT INTO usage_ledger VALUES (1, gen_random_uuid(), now(), 'messages', 1, now(), now())")]
    [InlineData("billing_app", "SELECT * FROM ledger_days")]
    [InlineData("billing_app", "SELECT * FROM ledger_state")]
    [InlineData("billing_app", "INSERT INTO usage_snapshots VALUES (gen_random_uuid(), '2026-11', false, now(), 'starter', 'monthly', 0, 0, '{}')")]
    [InlineData("billing_app", "DELETE FROM usage_snapshots")]
    [InlineData("billing_system", "DELETE FROM usage_snapshots")]
    [InlineData("billing_system", "UPDATE reconciliations SET counted_bytes = 0")]
    [InlineData("billing_system", "INSERT INTO ledger_state DEFAULT VALUES")]
    [InlineData("billing_app", "SELECT * FROM plans")]
    [InlineData("billing_app", "SELECT * FROM plan_history")]
    [InlineData("billing_app", "SELECT * FROM quota_levels")]
    [InlineData("billing_app", "UPDATE tenant_storage SET bytes = 0")]
    [InlineData("billing_app", "DELETE FROM devices")]
    [InlineData("billing_system", "UPDATE plan_history SET quota_devices = 0")]
    [InlineData("billing_system", "DELETE FROM plan_history")]
    [InlineData("billing_system", "DELETE FROM tenant_storage")]
    [InlineData("billing_system", "TRUNCATE tenant_plans")]
    [InlineData("billing_system", "CREATE TABLE mine (a int)")]
    public async Task The_runtime_roles_may_do_no_more_than_they_need(string role, string sql)
    {
        await using var source = NpgsqlDataSource.Create(host.Database.For(role));
        await using var command = source.CreateCommand(sql);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(Cancellation));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    private static async Task<Guid[]> TenantsAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return (Guid[])(await command.ExecuteScalarAsync(Cancellation))!;
    }

    private async Task AddAsync(Guid tenant)
    {
        await using var system = NpgsqlDataSource.Create(host.Database.For("billing_system"));
        await using var insert = system.CreateCommand(
            """
            WITH plan AS (INSERT INTO tenant_plans VALUES ($1, 'starter', 'monthly', 0, 360, 1000, false, nextval('tenant_plan_version'), now(), 90))
            , pending AS (INSERT INTO usage_pending VALUES ($1, date_trunc('hour', now()), 'messages', 1))
            , ledger AS (INSERT INTO usage_ledger VALUES ($2, $1, date_trunc('hour', now()), 'messages', 1, now(), '9999-01-01'))
            , snapshot AS (INSERT INTO usage_snapshots VALUES ($1, '2026-02', false, now(), 'starter', 'monthly', 0, 0, '{}'))
            , reconciliation AS (INSERT INTO reconciliations VALUES ($1, now(), 1, 1, 1, 1, DEFAULT, DEFAULT, 1, 1))
            , storage AS (INSERT INTO tenant_storage VALUES ($1, 1))
            , device AS (INSERT INTO devices VALUES (gen_random_uuid(), $1, 1))
            INSERT INTO usage_minutes VALUES ($1, date_trunc('minute', now()), 1, 1, 1)
            """);
        insert.Parameters.Add(new() { Value = tenant });
        // Not in the place of any that the service posts.
        insert.Parameters.Add(new() { Value = -Random.Shared.NextInt64(long.MaxValue) });
        await insert.ExecuteNonQueryAsync(Cancellation);
    }
}
