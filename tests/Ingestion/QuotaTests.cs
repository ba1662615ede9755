using EasySmart.Contracts.BillingQuota;
using EasySmart.Hosting;
using EasySmart.Ingestion.Tenants;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>What the tenants' plans say is in every instance's memory.</summary>
public sealed class QuotaTests(IngestionHost host)
{
    private const long Day = 86_400_000_000;
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_event_is_known_in_memory_with_its_whole_state()
    {
        Assert.Null(Quotas(host).Find(_tenant));
        await TellAsync(90, 2);
        await Eventually.TrueAsync(() => Task.FromResult(RetentionIn(host) == 90 * Day));
        Assert.Equal(new TenantQuota(_tenant, "enterprise", "monthly", 7, 360, 1000, true, 90, 2), Quotas(host).Find(_tenant));
        await TellAsync(730, 3);
        await Eventually.TrueAsync(() => Task.FromResult(RetentionIn(host) == 730 * Day));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(null)]
    [InlineData(int.MaxValue)]
    public async Task Zero_and_what_the_publisher_does_not_know_are_without_end(int? days)
    {
        await TellAsync(days, 2);
        await Eventually.TrueAsync(() => Task.FromResult(Quotas(host).Find(_tenant) is not null));
        Assert.Equal(days, Quotas(host).Find(_tenant)!.RetentionDays);
        Assert.Equal(long.MaxValue, RetentionIn(host));
    }

    [Fact]
    public async Task The_newer_version_wins_in_whatever_order_they_come_also_after_the_listener_lost_its_connection()
    {
        for (var version = 10; version < 30; version += 10)
        {
            await TellAsync(version, version);
            await Eventually.TrueAsync(() => Task.FromResult(RetentionIn(host) == version * Day));
            await TellAsync(version + 2, version + 2);
            await TellAsync(version + 1, version + 1);
            await Eventually.TrueAsync(() => Task.FromResult(RetentionIn(host) == (version + 2) * Day));
            await MarkerAsync();
            Assert.Equal(version + 2, await host.ScalarAsync<int>("SELECT retention_days FROM tenant_quotas WHERE tenant_id = $1", _tenant));
            Assert.Equal((version + 2) * Day, RetentionIn(host));
            await host.ScalarAsync<bool>(
                "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity WHERE datname = $1 AND usename = 'ingestion_system'", host.Database.Name);
        }
    }

    [Fact]
    public async Task An_empty_replica_is_filled_from_BillingQuota_and_a_restart_knows_it_without()
    {
        await using var billing = await TestBilling.StartAsync();
        foreach (var version in Enumerable.Range(1, 5))
        {
            billing.Put(Guid.CreateVersion7(), 365, version);
        }

        billing.Put(_tenant, 365, 6);
        await using var first = new ScriptedHost { Special = { [ApplyTenantQuota.Replica.AddressKey] = billing.Address } };
        await first.StartAsync();
        await Eventually.TrueAsync(() => Task.FromResult(billing.Complete == 1 && RetentionIn(first) == 365 * Day));
        Assert.Equal(6, await first.ScalarAsync<long>("SELECT count(*) FROM tenant_quotas"));
        Assert.Equal(new TenantQuota(_tenant, "pro", "annual", 50, 600, 2000, true, 365, 6), Quotas(first).Find(_tenant));

        // Nothing in memory, and nobody to ask. By the time that the broker is spoken to, the table was read.
        await using var second = new ScriptedHost
        {
            Inherited = first.Database,
            Special = { [ApplyTenantQuota.Replica.AddressKey] = "http://127.0.0.1:1" },
        };
        await second.StartAsync();
        Assert.Equal(365 * Day, RetentionIn(second));

        // It changed while the service was down, and the event is still on its way.
        billing.Put(_tenant, 730, 7);
        await using var third = new ScriptedHost { Inherited = first.Database, Special = { [ApplyTenantQuota.Replica.AddressKey] = billing.Address } };
        await third.StartAsync();
        await Eventually.TrueAsync(() => Task.FromResult(RetentionIn(third) == 730 * Day));
        // The instance that was there all along hears of it too.
        await Eventually.TrueAsync(() => Task.FromResult(RetentionIn(second) == 730 * Day));
    }

    [Fact]
    public async Task A_change_told_while_the_replicas_are_being_read_is_not_missed()
    {
        await using var other = await new ScriptedHost().StartAsync();
        await using var superuser = NpgsqlDataSource.Create(other.Database.ForSuperuser());
        await using (var connection = await superuser.OpenConnectionAsync(Cancellation))
        {
            // The keeper has read the quotas, and is held up at the devices.
            await using var transaction = await connection.BeginTransactionAsync(Cancellation);
            await using var hold = new NpgsqlCommand("LOCK TABLE devices IN ACCESS EXCLUSIVE MODE", connection, transaction);
            await hold.ExecuteNonQueryAsync(Cancellation);
            await other.ScalarAsync<int>("SELECT pg_notify('tenants', '')");
            await Eventually.TrueAsync(async () => await other.ScalarAsync<bool>(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'devices'::regclass AND NOT granted)"));
            await other.ScalarAsync<int>("INSERT INTO tenant_quotas VALUES ($1, 'pro', 'annual', 0, 0, 0, false, 365, 1)", _tenant);
            await other.ScalarAsync<int>("SELECT pg_notify('tenant_quotas', '')");
        }

        // Before the keeper would look again of itself.
        await Eventually.TrueAsync(() => Task.FromResult(RetentionIn(other) == 365 * Day), seconds: 20);
    }

    [Fact]
    public async Task Nobody_but_the_service_itself_reads_the_table()
    {
        foreach (var role in new[] { "ingestion_app", "telemetry_query" })
        {
            await using var source = NpgsqlDataSource.Create(host.Database.For(role));
            await using var command = source.CreateCommand("SELECT FROM tenant_quotas");
            var failure = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(Cancellation));
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, failure.SqlState);
        }
    }

    private long? RetentionIn(IngestionHost of) => Quotas(of).Find(_tenant)?.Retention;

    private static TenantQuotas Quotas(IngestionHost of) => of.Services.GetRequiredService<TenantQuotas>();

    private Task TellAsync(int? retentionDays, long version) => TellAsync(_tenant, retentionDays, version);

    private Task TellAsync(Guid tenant, int? retentionDays, long version) => host.Services.GetRequiredService<IBus>().Publish(
        new TenantQuotaChanged
        {
            OccurredAt = DateTimeOffset.UtcNow,
            TenantId = tenant,
            PlanType = "enterprise",
            BillingCycle = "monthly",
            QuotaDevices = 7,
            QuotaMsgsPerMin = 360,
            QuotaStorageMb = 1000,
            AllowOverage = true,
            RetentionDays = retentionDays,
            Version = version,
        },
        Cancellation);

    // What was told before it has been taken in when it has: one consumer takes up to 16 at a time, so more than that are told.
    private async Task MarkerAsync()
    {
        var markers = Enumerable.Range(0, 40).Select(_ => Guid.CreateVersion7()).ToArray();
        foreach (var marker in markers)
        {
            await TellAsync(marker, 1, 1);
        }

        await Eventually.TrueAsync(async () => await host.ScalarAsync<long>("SELECT count(*) FROM tenant_quotas WHERE tenant_id = ANY($1)", markers) == 40);
    }
}
