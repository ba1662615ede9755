using EasySmart.BillingQuota.Ledger;
using EasySmart.BillingQuota.Snapshots;
using EasySmart.BillingQuota.Usage;
using EasySmart.Contracts.Ingestion;
using EasySmart.Hosting;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace EasySmart.BillingQuota.Tests.Ledger;

/// <summary>A ledger on a database of its own, kept by a test alone, at the time that the test says.</summary>
internal sealed class OwnLedger : IAsyncDisposable
{
    private readonly TestDatabase _database;

    private OwnLedger(TestDatabase database, DateTimeOffset now)
    {
        _database = database;
        Clock = new FakeTimeProvider(now);
        // Nothing here dies with its server, and a year of commits need not wait for a disk.
        System = NpgsqlDataSource.Create(database.For("billing_system") + ";Options=-c synchronous_commit=off");
        Owner = NpgsqlDataSource.Create(database.For("billing_owner"));
        Hours = new DeviceHours(System, Clock);
        Poster = new Poster(System, Clock);
        Closer = new Closer(System, Clock, Closing);
        Months = new MonthEnd(System, Clock);
        Keeper = new LedgerKeeper(System, Hours, Poster, Closer, Months, Clock, Keeping);
    }

    public string OwnerConnection => _database.For("billing_owner");

    public FakeTimeProvider Clock { get; }

    public NpgsqlDataSource System { get; }

    public NpgsqlDataSource Owner { get; }

    public DeviceHours Hours { get; }

    public Poster Poster { get; }

    public Closer Closer { get; }

    public MonthEnd Months { get; }

    public LedgerKeeper Keeper { get; }

    public HeardLines<LedgerKeeper> Keeping { get; } = new();

    public HeardLines<Closer> Closing { get; } = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<OwnLedger> BeginAsync(DateTimeOffset now)
    {
        var database = await TestDatabase.CreateAsync(TestServers.Platform, "billing_owner");
        await BillingHost.Migrations.ApplyAsync(database.For("billing_owner"), Cancellation);
        return new OwnLedger(database, now);
    }

    /// <summary>What the service's keeper does at a look.</summary>
    public async Task KeepAsync()
    {
        await Hours.CountAsync(Cancellation);
        await Poster.PostAsync(Cancellation);
        await Closer.CloseAsync(Cancellation);
        await Months.CloseAsync(Cancellation);
    }

    public async Task KeepAtAsync(DateTimeOffset time)
    {
        Clock.AdjustTime(time);
        await KeepAsync();
    }

    /// <summary>An event arrives.</summary>
    public async Task CountAsync(params UsageEntry[] entries)
    {
        await using var connection = await System.OpenConnectionAsync(Cancellation);
        await using var transaction = await connection.BeginTransactionAsync(Cancellation);
        await new CountUsage(Clock).HandleAsync(new UsageRecorded { OccurredAt = Clock.GetUtcNow(), Entries = entries }, transaction, Cancellation);
        await transaction.CommitAsync(Cancellation);
    }

    public Task GivePlanAsync(Guid tenant, DateTimeOffset since) => ExecuteAsync(
        $"""
        INSERT INTO tenant_plans (tenant_id, plan_type, billing_cycle, quota_devices, quota_msgs_per_min, quota_storage_mb, allow_overage, version, updated_at, since)
        VALUES ('{tenant}', 'starter', 'monthly', 0, 360, 1000, false, nextval('tenant_plan_version'), '{since:O}', '{since:O}')
        """);

    public Task AddDevicesAsync(Guid? tenant, int count) => ExecuteAsync(
        $"INSERT INTO devices (device_id, tenant_id, version) SELECT gen_random_uuid(), {(tenant is null ? "NULL" : $"'{tenant}'")}, 1 FROM generate_series(1, {count})");

    public Task<Verdict> VerifyAsync() => VerifyLedger.CheckAsync(Owner, Cancellation);

    /// <summary>Does it as the owner, who may do anything.</summary>
    public async Task ExecuteAsync(string sql)
    {
        await using var command = Owner.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancellation);
    }

    /// <summary>Reads one value, as text.</summary>
    public async Task<string> ReadAsync(string sql)
    {
        await using var command = Owner.CreateCommand($"SELECT coalesce(({sql})::text, '')");
        return (string)(await command.ExecuteScalarAsync(Cancellation))!;
    }

    /// <summary>How much of everything there is, and how far the keeping is.</summary>
    public Task<string> StateAsync() => ReadAsync(
        """
        SELECT concat_ws(' ', (SELECT count(*) FROM usage_pending), (SELECT count(*) FROM usage_ledger), (SELECT count(*) FROM ledger_days),
            (SELECT count(*) FROM usage_snapshots), (SELECT count(*) FROM outbox), ledger_state) FROM ledger_state
        """);

    /// <summary>The tenant's rows of a meter in their order: hour, amount and the day of posting.</summary>
    public Task<string> RowsAsync(Guid tenant, string meter) => ReadAsync(
        $"""
        SELECT string_agg(concat_ws(' ', to_char(hour AT TIME ZONE 'UTC', 'MM-DD HH24'), amount, to_char(day, 'MM-DD')), ', ' ORDER BY seq)
        FROM usage_ledger WHERE tenant_id = '{tenant}' AND meter = '{meter}'
        """);

    public Task<string> BalanceAsync(Guid tenant, string meter) =>
        ReadAsync($"SELECT sum(amount) FROM usage_hours WHERE tenant_id = '{tenant}' AND meter = '{meter}'");

    public async ValueTask DisposeAsync()
    {
        Keeper.Dispose();
        await System.DisposeAsync();
        await Owner.DisposeAsync();
        await _database.DisposeAsync();
    }
}
