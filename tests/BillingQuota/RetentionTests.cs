using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.BillingQuota.Tests;

/// <summary>Plans that were given before they said how long readings are kept.</summary>
public sealed class RetentionTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Plans_of_the_earlier_build_get_their_retention_and_a_new_version_and_that_build_goes_on_giving_plans()
    {
        await using var database = await TestDatabase.CreateAsync(TestServers.Platform, "billing_owner");
        var owner = database.For("billing_owner");
        await BillingHost.Migrations.ApplyAsync(owner, Cancellation);
        await using var source = NpgsqlDataSource.Create(owner);
        await ExecuteAsync("ALTER TABLE tenant_plans DROP COLUMN retention_days");
        await ExecuteAsync("DELETE FROM schema_migrations WHERE scriptname = '0002_retention.sql'");
        foreach (var plan in new[] { "starter", "pro", "enterprise" })
        {
            await AddAsync(plan);
        }

        await BillingHost.Migrations.ApplyAsync(owner, Cancellation);
        await AddAsync("starter");
        await using var command = source.CreateCommand("SELECT array_agg(plan_type || ' ' || retention_days || ' ' || (version > 3) ORDER BY retention_days, version) FROM tenant_plans");
        Assert.Equal(
            ["starter 90 true", "starter 90 true", "pro 365 true", "enterprise 730 true"], (string[])(await command.ExecuteScalarAsync(Cancellation))!);

        // As that build does it: without the column.
        Task AddAsync(string plan) => ExecuteAsync(
            $"""
            INSERT INTO tenant_plans (tenant_id, plan_type, billing_cycle, quota_devices, quota_msgs_per_min, quota_storage_mb, allow_overage,
                                      updated_at, version)
            VALUES (gen_random_uuid(), '{plan}', 'monthly', 0, 360, 1000, false, now(), nextval('tenant_plan_version'))
            """);

        async Task ExecuteAsync(string sql)
        {
            await using var execute = source.CreateCommand(sql);
            await execute.ExecuteNonQueryAsync(Cancellation);
        }
    }
}
