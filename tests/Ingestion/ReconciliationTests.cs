using System.Globalization;
using System.Text.Json;
using EasySmart.Contracts.Ingestion;
using EasySmart.Hosting;
using EasySmart.Ingestion.Reconciliation;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>Once a day the readings are counted and compared with the accounts. On a database of its own.</summary>
public sealed class ReconciliationTests : IAsyncLifetime
{
    private readonly MovedClock _clock = new(new DateTimeOffset(2030, 1, 31, 3, 0, 0, TimeSpan.Zero));
    private readonly Guid _tenant = Guid.CreateVersion7();
    private TestDatabase _database = null!;
    private Ledger _ledger = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await IngestionHost.MigratedDatabaseAsync();
        _ledger = new Ledger(_database.For("ingestion_system"));
        await _ledger.ScalarAsync("UPDATE reconciliation SET day = '2030-01-30'");
    }

    public async ValueTask DisposeAsync()
    {
        await _ledger.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task What_is_accounted_for_told_or_not_is_confirmed_and_nothing_is_corrected()
    {
        await StoreAsync(_tenant, 3);
        await AccountAsync(_tenant, 1, 9);
        await UseAsync(_tenant, readings: 4, bytes: 40);
        await UseAsync(_tenant, readings: -2, bytes: -22);
        Assert.True(await ReconcileAsync());
        Assert.Equal([new ReconciledEntry(_tenant, 3, 27, 3, 27)], await ToldAsync());
        Assert.Equal(2L, await _ledger.ScalarAsync("SELECT count(*) FROM used"));
    }

    [Fact]
    public async Task The_first_one_of_all_begins_the_accounts_and_tells_of_no_difference()
    {
        await _ledger.ScalarAsync("UPDATE reconciliation SET day = '2000-01-01'");
        await StoreAsync(_tenant, 3);
        await UseAsync(_tenant, 1, 9);
        Assert.True(await ReconcileAsync());
        Assert.Equal([new ReconciledEntry(_tenant, 3, 27, 3, 27)], await ToldAsync());
        // What was told long ago, without what is about to be told.
        Assert.Equal(2L, await _ledger.ScalarAsync($"SELECT readings FROM tenant_stored WHERE tenant_id = '{_tenant}' AND bytes = 18"));
        Assert.Equal(1L, await _ledger.ScalarAsync("SELECT count(*) FROM used"));
        await _ledger.TellAsync();
        Assert.Equal("", await _ledger.DifferencesAsync());
    }

    [Fact]
    public async Task A_difference_is_told_of_and_corrected_whichever_way_it_goes()
    {
        Guid[] tenants = [.. Enumerable.Range(0, 4).Select(_ => Guid.CreateVersion7()).Order()];
        // Readings that nobody accounts for; an account without readings; more in one measure and less in the other; none.
        await StoreAsync(tenants[0], 5);
        await AccountAsync(tenants[1], 7, 70);
        await StoreAsync(tenants[2], 2);
        await AccountAsync(tenants[2], 1, 20);
        await StoreAsync(tenants[3], 1);
        await UseAsync(tenants[3], 1, 9);
        Assert.True(await ReconcileAsync());
        Assert.Equal(
            [
                new ReconciledEntry(tenants[0], 5, 45, 0, 0), new ReconciledEntry(tenants[1], 0, 0, 7, 70),
                new ReconciledEntry(tenants[2], 2, 18, 1, 20), new ReconciledEntry(tenants[3], 1, 9, 1, 9),
            ],
            await ToldAsync());
        Assert.Equal("", await _ledger.DifferencesAsync());
        // Corrections bring no messages; the last one is what was there.
        var corrections = await Task.WhenAll(tenants.Select(_ledger.UsageAsync));
        Assert.Equal(
            [(0, 5, 45, 0, 0), (0, 0, 0, 7, 70), (0, 1, 0, 0, 2), (1, 1, 9, 0, 0)],
            corrections.Select(e => (e.Messages, e.Readings, e.Bytes, e.ReadingsDeleted, e.BytesDeleted)));

        // The accounts have followed: the next day finds nothing.
        await _ledger.TellAsync();
        _clock.Now = _clock.Now.AddDays(1);
        Assert.True(await ReconcileAsync());
        Assert.All((await ToldAsync()).Skip(4), entry => Assert.Equal((entry.CountedReadings, entry.CountedBytes), (entry.AccountedReadings, entry.AccountedBytes)));
        Assert.Equal(0L, await _ledger.ScalarAsync("SELECT count(*) FROM used"));
    }

    [Fact]
    public async Task Once_a_day_from_three_oclock_on_whoever_does_it()
    {
        await StoreAsync(_tenant, 1);
        await AccountAsync(_tenant, 1, 9);
        var done = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => ReconcileAsync()));
        Assert.Single(done, did => did);
        Assert.Single(await ToldAsync());
        _clock.Now = new DateTimeOffset(2030, 2, 1, 2, 59, 59, TimeSpan.Zero);
        Assert.False(await ReconcileAsync());
        // Also after days in which nobody was up; and set back, the clock has nothing done twice.
        _clock.Now = _clock.Now.AddDays(3).AddSeconds(1);
        Assert.True(await ReconcileAsync());
        _clock.Now = _clock.Now.AddDays(-2);
        Assert.False(await ReconcileAsync());
        Assert.Equal(2, (await ToldAsync()).Count);
    }

    [Fact]
    public async Task No_day_is_done_by_a_clock_that_is_not_the_databases()
    {
        await _ledger.ScalarAsync("UPDATE reconciliation SET day = '2025-01-01'");
        var (clock, heard) = (new SkewedClock { Skew = TimeSpan.FromDays(400) }, new HeardLines<NightlyReconciliation>());
        using var reconciliation = new NightlyReconciliation(_ledger.Source, clock, heard);
        await reconciliation.StartAsync(Cancellation);
        await Eventually.TrueAsync(() => Task.FromResult(heard.All.Any(one => one.Level == LogLevel.Warning)));
        Assert.Equal(new DateTime(2025, 1, 1), await DayAsync());
        clock.Skew = default;
        clock.Advance(TimeSpan.FromMinutes(10));
        await Eventually.TrueAsync(async () => await DayAsync() > new DateTime(2025, 1, 1));
        Assert.InRange(await DayAsync(), DateTime.UtcNow.AddDays(-2), DateTime.UtcNow);
        await reconciliation.StopAsync(Cancellation);

        async Task<DateTime> DayAsync() => (DateTime)(await _ledger.ScalarAsync("SELECT day::timestamp FROM reconciliation"))!;
    }

    [Fact]
    public async Task Many_tenants_are_told_of_in_several_events()
    {
        const int Tenants = 2 * NightlyReconciliation.Most + 1;
        await _ledger.ScalarAsync($"INSERT INTO tenant_stored SELECT gen_random_uuid(), 0, 0 FROM generate_series(1, {Tenants})");
        Assert.True(await ReconcileAsync());
        Assert.Equal(3L, await _ledger.ScalarAsync("SELECT count(*) FROM outbox"));
        Assert.Equal(
            (long)NightlyReconciliation.Most, await _ledger.ScalarAsync("SELECT max(jsonb_array_length(body -> 'Entries'))::bigint FROM outbox"));
        Assert.Equal(Tenants, (await ToldAsync()).Select(entry => entry.TenantId).Distinct().Count());
    }

    [Fact]
    public async Task A_commit_that_fails_leaves_the_day_to_the_next_attempt_and_corrects_once()
    {
        await StoreAsync(_tenant, 1);
        await using var owner = NpgsqlDataSource.Create(_database.ForSuperuser());
        await FailingCommits.BeginAsync(owner, "true");
        await Assert.ThrowsAsync<PostgresException>(ReconcileAsync);
        Assert.Equal(0L, await _ledger.ScalarAsync("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM used)"));
        await FailingCommits.EndAsync(owner);
        Assert.True(await ReconcileAsync());
        Assert.Equal((1L, 1L), (await _ledger.ScalarAsync("SELECT count(*) FROM outbox"), (await _ledger.UsageAsync(_tenant)).Readings));
    }

    [Fact]
    public async Task What_only_a_snapshot_misses_is_no_difference()
    {
        await StoreAsync(_tenant, 3);
        await AccountAsync(_tenant, 3, 27);
        // As when a chunk is compressed: the same readings elsewhere, and the old place empty for every snapshot.
        await ReconcileMeanwhileAsync("CREATE TEMP TABLE packed AS SELECT * FROM readings; TRUNCATE readings; INSERT INTO readings SELECT * FROM packed");
        Assert.Equal([new ReconciledEntry(_tenant, 3, 27, 3, 27)], await ToldAsync());
        Assert.Equal(0L, await _ledger.ScalarAsync("SELECT count(*) FROM used"));
    }

    [Fact]
    public async Task What_only_the_second_count_finds_is_not_told_of()
    {
        Guid[] tenants = [.. Enumerable.Range(0, 2).Select(_ => Guid.CreateVersion7()).Order()];
        await StoreAsync(tenants[0], 5);
        await ReconcileMeanwhileAsync($"INSERT INTO tenant_stored VALUES ('{tenants[1]}', 1, 9)");
        Assert.Equal([new ReconciledEntry(tenants[0], 5, 45, 0, 0), new ReconciledEntry(tenants[1], 0, 0, 0, 0)], await ToldAsync());
        Assert.Equal(1L, await _ledger.ScalarAsync("SELECT count(*) FROM used"));
    }

    [Fact]
    public async Task A_long_count_is_told_of_as_of_the_snapshot_that_it_counted()
    {
        await StoreAsync(_tenant, 3);
        await AccountAsync(_tenant, 3, 27);
        var began = _clock.Now;
        await ReconcileMeanwhileAsync("SELECT 1", TimeSpan.FromHours(3));
        Assert.Equal(began, await OccurredAsync());

        // A difference has the count begin anew.
        await AccountAsync(Guid.CreateVersion7(), 1, 9);
        _clock.Now = began.AddDays(1);
        await ReconcileMeanwhileAsync("SELECT 1", TimeSpan.FromHours(3));
        Assert.Equal(began.AddDays(1).AddHours(3), await OccurredAsync());

        async Task<DateTimeOffset> OccurredAsync() => DateTimeOffset.Parse(
            (string)(await _ledger.ScalarAsync("SELECT body ->> 'OccurredAt' FROM outbox WHERE type LIKE '%.StorageReconciled' ORDER BY seq DESC LIMIT 1"))!,
            CultureInfo.InvariantCulture);
    }

    /// <summary>Reconciles, and before the first count is through has something else happen that its snapshot does not see.</summary>
    private async Task ReconcileMeanwhileAsync(string sql, TimeSpan takes = default)
    {
        await using var owner = NpgsqlDataSource.Create(_database.ForSuperuser());
        await using var connection = await owner.OpenConnectionAsync(Cancellation);
        await using var transaction = await connection.BeginTransactionAsync(Cancellation);
        await ExecuteAsync("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE");
        var reconciling = Task.Run(ReconcileAsync, Cancellation);
        await Eventually.TrueAsync(async () => (long)(await _ledger.ScalarAsync(
            "SELECT count(*) FROM pg_locks WHERE relation = 'readings'::regclass AND NOT granted"))! > 0);
        await ExecuteAsync(sql);
        _clock.Now += takes;
        await transaction.CommitAsync(Cancellation);
        Assert.True(await reconciling);

        async Task ExecuteAsync(string statement)
        {
            await using var command = new NpgsqlCommand(statement, connection, transaction);
            await command.ExecuteNonQueryAsync(Cancellation);
        }
    }

    private async Task<bool> ReconcileAsync()
    {
        using var reconciliation = new NightlyReconciliation(_ledger.Source, _clock, NullLogger<NightlyReconciliation>.Instance);
        return await reconciliation.ReconcileAsync(Cancellation);
    }

    private async Task<IReadOnlyList<ReconciledEntry>> ToldAsync()
    {
        var bodies = (string)(await _ledger.ScalarAsync(
            "SELECT coalesce(jsonb_agg(body ORDER BY seq), '[]')::text FROM outbox WHERE type LIKE '%.StorageReconciled'"))!;
        return [.. JsonSerializer.Deserialize<List<StorageReconciled>>(bodies)!.SelectMany(told => told.Entries)];
    }

    /// <summary>Readings of 9 bytes on two days.</summary>
    private Task<object?> StoreAsync(Guid tenant, int count) => _ledger.ScalarAsync(
        $"""
        INSERT INTO readings (tenant_id, device_id, slot, time, received_at, form, value, bytes)
        SELECT $1, $1, 0, timestamptz '2030-01-02 00:00Z' - n * interval '13 hours', now(), 1, n, 9 FROM generate_series(1, {count}) n
        """,
        tenant);

    private Task<object?> AccountAsync(Guid tenant, long readings, long bytes) =>
        _ledger.ScalarAsync("INSERT INTO tenant_stored VALUES ($1, $2, $3)", tenant, readings, bytes);

    private Task<object?> UseAsync(Guid tenant, long readings, long bytes) => _ledger.ScalarAsync(
        "INSERT INTO used (entries) VALUES ($1)",
        JsonSerializer.Serialize(new[]
        {
            new UsageEntry(
                tenant, DateTimeOffset.UnixEpoch, 1, Math.Max(0, readings), Math.Max(0, bytes), Math.Max(0, -readings), Math.Max(0, -bytes)),
        }));
}
