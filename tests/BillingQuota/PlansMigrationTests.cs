using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.BillingQuota.Tests;

/// <summary>Tenants of the time before plans were data: what differs from the plan is their own from then on, and nothing else changes.</summary>
public sealed class PlansMigrationTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Nobodys_state_or_version_changes_and_what_was_used_is_known()
    {
        await using var database = await TestDatabase.CreateAsync(TestServers.Platform, "billing_owner");
        var owner = database.For("billing_owner");
        await BillingHost.Migrations.ApplyAsync(owner, Cancellation);
        await using var source = NpgsqlDataSource.Create(owner);
        await ExecuteAsync(
            """
            DROP TABLE plans, plan_history, tenant_storage, quota_levels, devices CASCADE;
            ALTER TABLE tenant_plans DROP COLUMN own_quota_devices, DROP COLUMN own_quota_msgs_per_min, DROP COLUMN own_quota_storage_mb,
                DROP COLUMN own_allow_overage, DROP COLUMN own_retention_days, DROP COLUMN storage_blocked;
            DELETE FROM schema_migrations WHERE scriptname = '0003_plans.sql';
            INSERT INTO tenant_plans VALUES
                ('00000000-0000-0000-0000-000000000001', 'starter', 'monthly', 0, 360, 1000, false, 1, now(), 90),
                ('00000000-0000-0000-0000-000000000002', 'starter', 'annual', 5, 360, 1000, true, 2, now(), 90),
                ('00000000-0000-0000-0000-000000000003', 'pro', 'monthly', 0, 360, 1000, false, 3, now(), 365);
            INSERT INTO usage_minutes VALUES
                ('00000000-0000-0000-0000-000000000001', '2026-02-15T00:00Z', 1, 1, 40), ('00000000-0000-0000-0000-000000000001', '2026-02-15T00:01Z', 1, 1, 2)
            """);
        const string state = "SELECT string_agg(concat_ws(' ', plan_type, billing_cycle, quota_devices, quota_msgs_per_min, quota_storage_mb, allow_overage, retention_days, version, updated_at), ', ' ORDER BY version) FROM tenant_plans";
        var before = await ReadAsync<string>(state);

        await BillingHost.Migrations.ApplyAsync(owner, Cancellation);
        Assert.Equal(before, await ReadAsync<string>(state));
        Assert.Equal(
            ["- - - - -", "5 - - true -", "- 360 1000 - -"],
            await ReadAsync<string[]>(
                """
                SELECT array_agg(concat_ws(' ', coalesce(own_quota_devices::text, '-'), coalesce(own_quota_msgs_per_min::text, '-'),
                    coalesce(own_quota_storage_mb::text, '-'), coalesce(own_allow_overage::text, '-'), coalesce(own_retention_days::text, '-')) ORDER BY version)
                FROM tenant_plans
                """));
        Assert.Equal(42, await ReadAsync<long>("SELECT bytes FROM tenant_storage"));
        Assert.Equal(3, await ReadAsync<long>("SELECT count(*) FROM plan_history JOIN plans USING (plan_type, version)"));

        async Task ExecuteAsync(string sql)
        {
            await using var execute = source.CreateCommand(sql);
            await execute.ExecuteNonQueryAsync(Cancellation);
        }

        async Task<T> ReadAsync<T>(string sql)
        {
            await using var read = source.CreateCommand(sql);
            return (T)(await read.ExecuteScalarAsync(Cancellation))!;
        }
    }
}
