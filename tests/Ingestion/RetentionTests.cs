using EasySmart.Hosting;
using EasySmart.Ingestion.Retention;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>What is older than a tenant's plan keeps it goes, and its usage with it. On a database of its own, at a time that the test chooses.</summary>
public sealed class RetentionTests : IAsyncLifetime
{
    private readonly MovedClock _clock = new(new DateTimeOffset(2030, 1, 31, 12, 7, 30, TimeSpan.Zero));
    private readonly Guid _device = Guid.CreateVersion7();
    private TestDatabase _database = null!;
    private Ledger _ledger = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await IngestionHost.MigratedDatabaseAsync();
        _ledger = new Ledger(_database.For("ingestion_system"));
    }

    public async ValueTask DisposeAsync()
    {
        await _ledger.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task What_is_older_than_its_tenants_plan_keeps_it_is_deleted_with_its_usage_and_nothing_else()
    {
        var (month, year) = (await TenantAsync(30), await TenantAsync(365));
        Guid[] endless = [await TenantAsync(0), await TenantAsync(null), await TenantAsync(1_000_000), Guid.CreateVersion7()];
        foreach (var tenant in new[] { month, year }.Concat(endless))
        {
            // Kept from the beginning of the quarter hour in which the 30 days end: 2030-01-01 12:00.
            await StoreAsync(tenant, "2029-12-31 23:00", 10, slots: 3);
            await StoreAsync(tenant, "2030-01-01 11:59:59", 1);
            await StoreAsync(tenant, "2030-01-01 12:00", 2);
            await StoreAsync(tenant, "2030-01-31 12:00", 1, slots: 2);
            await StoreAsync(tenant, "2028-01-01 00:00", 5);
        }

        await _ledger.TellAsync();
        Assert.Equal(36 + 5, await DeleteAsync());
        Assert.Equal(("2030-01-01 12:00:00", 4L), await HeldAsync(month));
        Assert.Equal(("2029-12-31 23:00:00", 4 + 31L), await HeldAsync(year));
        Assert.All(await Task.WhenAll(endless.Select(HeldAsync)), held => Assert.Equal(("2028-01-01 00:00:00", 4 + 31 + 5L), held));
        Assert.Equal("", await _ledger.DifferencesAsync());
        var used = await _ledger.UsageAsync(month);
        Assert.Equal((36, 36 * 7, 0, 40), (used.ReadingsDeleted, used.BytesDeleted, used.Messages, used.Readings));

        // A plan that keeps less, or more, takes effect the next time.
        await _ledger.ScalarAsync("UPDATE tenant_quotas SET retention_days = 1 WHERE tenant_id = $1", month);
        Assert.Equal(2, await DeleteAsync());
        Assert.Equal(0, await DeleteAsync());
        await _ledger.TellAsync();
        Assert.Equal(("", ""), (await _ledger.DifferencesAsync(), await _ledger.UntoldAsync()));
    }

    [Fact]
    public async Task Many_are_deleted_in_pieces_each_with_its_own_usage()
    {
        var tenant = await TenantAsync(30);
        await StoreAsync(tenant, "2029-11-01 00:00", 2 * RetentionPiece.Most + 1);
        await StoreAsync(tenant, "2029-11-02 00:00", 30, slots: RetentionPiece.Most / 20);
        await StoreAsync(tenant, "2030-01-31 00:00", 3);
        await _ledger.TellAsync();
        var all = 2 * RetentionPiece.Most + 1 + 30 * RetentionPiece.Most / 20;
        Assert.Equal(all, await DeleteAsync());
        Assert.Equal(3, (await HeldAsync(tenant)).Count);
        // Two days: three pieces of the first, two of the second.
        Assert.Equal(5L, await _ledger.ScalarAsync("SELECT count(*) FROM used"));
        Assert.Equal("", await _ledger.DifferencesAsync());
    }

    [Fact]
    public async Task A_latest_value_of_that_age_goes_and_one_that_a_batch_is_about_to_move_is_left_to_it()
    {
        var tenant = await TenantAsync(30);
        await StoreAsync(tenant, "2029-12-01 00:00", 1, slots: 2);
        await StoreAsync(tenant, "2030-01-31 00:00", 1);
        await using (var connection = await _ledger.Source.OpenConnectionAsync(Cancellation))
        await using (var transaction = await connection.BeginTransactionAsync(Cancellation))
        {
            await using var move = new NpgsqlCommand("UPDATE latest SET time = '2030-01-31 11:00Z' WHERE slot = 1", connection, transaction);
            await move.ExecuteNonQueryAsync(Cancellation);
            await StoreLatestAsync(tenant, 2, "2029-12-01 00:00");
            await DeleteAsync();
            await transaction.CommitAsync(Cancellation);
        }

        Assert.Equal("0 1", await _ledger.ScalarAsync("SELECT string_agg(slot::text, ' ' ORDER BY slot) FROM latest"));
        await DeleteAsync();
        Assert.Equal("0 1", await _ledger.ScalarAsync("SELECT string_agg(slot::text, ' ' ORDER BY slot) FROM latest"));
    }

    [Fact]
    public async Task A_commit_that_fails_leaves_the_readings_and_no_usage()
    {
        var tenant = await TenantAsync(30);
        await StoreAsync(tenant, "2029-12-01 00:00", 10);
        await _ledger.TellAsync();
        await using var owner = NpgsqlDataSource.Create(_database.ForSuperuser());
        await FailingCommits.BeginAsync(owner, "true");
        Assert.Equal(0, await DeleteAsync());
        Assert.Equal((10, 0L), ((await HeldAsync(tenant)).Count, (await _ledger.UsageAsync(tenant)).ReadingsDeleted));
        await FailingCommits.EndAsync(owner);
        Assert.Equal(10, await DeleteAsync());
        Assert.Equal("", await _ledger.DifferencesAsync());
    }

    [Fact]
    public async Task What_cannot_be_deleted_keeps_nothing_else()
    {
        Guid[] tenants = [await TenantAsync(30), await TenantAsync(30)];
        foreach (var tenant in tenants.Order())
        {
            await StoreAsync(tenant, "2029-12-01 00:00", 2);
            await StoreAsync(tenant, "2029-12-02 00:00", 2);
        }

        // The first tenant's of the first day: what every pass comes to first.
        await using var owner = NpgsqlDataSource.Create(_database.ForSuperuser());
        await using var refuse = owner.CreateCommand(
            $"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'cannot be deleted'; END $$;
            CREATE TRIGGER refuses BEFORE DELETE ON readings FOR EACH ROW
            WHEN (old.tenant_id = '{tenants.Min()}' AND old.time < '2029-12-02 00:00Z') EXECUTE FUNCTION refuse();
            """);
        await refuse.ExecuteNonQueryAsync(Cancellation);
        Assert.Equal(6, await DeleteAsync());
        Assert.Equal((("2029-12-01 00:00:00", 2L), (null, 0L)), (await HeldAsync(tenants.Min()), await HeldAsync(tenants.Max())));
    }

    [Fact]
    public async Task One_instance_at_a_time()
    {
        var tenant = await TenantAsync(30);
        await StoreAsync(tenant, "2029-12-01 00:00", 5);
        await using (var connection = await _ledger.Source.OpenConnectionAsync(Cancellation))
        await using (var transaction = await connection.BeginTransactionAsync(Cancellation))
        {
            await using var take = new NpgsqlCommand($"SELECT pg_advisory_xact_lock({ReadingRetention.Lock})", connection, transaction);
            await take.ExecuteNonQueryAsync(Cancellation);
            Assert.Equal(0, await DeleteAsync());
            Assert.Equal(5, (await HeldAsync(tenant)).Count);
        }

        var deleted = await Task.WhenAll(DeleteAsync(), DeleteAsync(), DeleteAsync());
        Assert.InRange(deleted.Sum(), 0, 5);
        Assert.Equal(5, deleted.Sum() + await DeleteAsync());
        Assert.Equal("", await _ledger.DifferencesAsync());
    }

    [Fact]
    public async Task The_service_does_it_at_start_and_every_hour()
    {
        var clock = new SkewedClock();
        var tenant = await TenantAsync(30);
        await StoreAsync(tenant, "2025-12-01 00:00", 1);
        using var retention = new ReadingRetention(_ledger.Source, clock, NullLogger<ReadingRetention>.Instance);
        await retention.StartAsync(Cancellation);
        await GoneAsync();
        await StoreAsync(tenant, "2025-12-02 00:00", 1);
        clock.Advance(TimeSpan.FromHours(1));
        await GoneAsync();
        await retention.StopAsync(Cancellation);

        // It rests by that clock after a piece.
        Task GoneAsync() => Eventually.TrueAsync(async () =>
        {
            clock.Advance(TimeSpan.FromMilliseconds(20));
            return (await HeldAsync(tenant)).Count == 0;
        });
    }

    [Theory]
    [InlineData(61)]
    [InlineData(-61)]
    public async Task Nothing_is_deleted_by_a_clock_that_is_not_the_databases(int seconds)
    {
        var clock = new SkewedClock { Skew = TimeSpan.FromSeconds(seconds) };
        var tenant = await TenantAsync(30);
        await StoreAsync(tenant, "2025-12-01 00:00", 1);
        var heard = new HeardLines<ReadingRetention>();
        using var retention = new ReadingRetention(_ledger.Source, clock, heard);
        await retention.StartAsync(Cancellation);
        await Eventually.TrueAsync(() => Task.FromResult(heard.All.Any(one => one.Level == LogLevel.Warning)));
        Assert.Equal(1, (await HeldAsync(tenant)).Count);
        clock.Skew = default;
        clock.Advance(TimeSpan.FromHours(1));
        await Eventually.TrueAsync(async () => (await HeldAsync(tenant)).Count == 0);
        await retention.StopAsync(Cancellation);
    }

    private async Task<Guid> TenantAsync(int? days)
    {
        var tenant = Guid.CreateVersion7();
        await _ledger.ScalarAsync("INSERT INTO tenant_quotas VALUES ($1, 'pro', 'annual', 0, 0, 0, false, $2, 1)", tenant, (object?)days ?? DBNull.Value);
        return tenant;
    }

    private async Task<long> DeleteAsync()
    {
        using var retention = new ReadingRetention(_ledger.Source, _clock, NullLogger<ReadingRetention>.Instance);
        return await retention.DeleteOldAsync(Cancellation);
    }

    /// <summary>Readings of 7 bytes a millisecond apart in each of the slots, with their usage and latest, as a batch leaves them.</summary>
    private Task<object?> StoreAsync(Guid tenant, string from, int count, int slots = 1) => _ledger.ScalarAsync(
        $"""
        WITH stored AS (
            INSERT INTO readings (tenant_id, device_id, slot, time, received_at, form, value, bytes)
            SELECT $1, $2, slot, time + n * interval '1 millisecond', time, 1, n, 7
            FROM generate_series(0, {slots - 1}) slot, generate_series(0, {count - 1}) n, (VALUES (timestamptz '{from}Z')) AS t (time)
            RETURNING slot, time, value),
        newest AS (
            INSERT INTO latest AS l (tenant_id, device_id, slot, time, received_at, form, value)
            SELECT DISTINCT ON (slot) $1, $2, slot, time, time, 1, value FROM stored ORDER BY slot, time DESC
            ON CONFLICT (tenant_id, device_id, slot) DO UPDATE SET time = greatest(l.time, excluded.time))
        INSERT INTO used (entries)
        SELECT jsonb_build_array(jsonb_build_object(
            'TenantId', $1, 'Minute', '2030-01-31T12:00:00Z', 'Messages', 0, 'Readings', count(*), 'Bytes', 7 * count(*)))::text FROM stored
        """,
        tenant,
        _device);

    private Task<object?> StoreLatestAsync(Guid tenant, short slot, string time) => _ledger.ScalarAsync(
        $"INSERT INTO latest (tenant_id, device_id, slot, time, received_at, form, value) VALUES ($1, $2, $3, '{time}Z', '{time}Z', 1, 1)",
        tenant,
        _device,
        slot);

    private async Task<(string? First, long Count)> HeldAsync(Guid tenant) => (
        await _ledger.ScalarAsync("SELECT to_char(min(time) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM readings WHERE tenant_id = $1", tenant) as string,
        (long)(await _ledger.ScalarAsync("SELECT count(*) FROM readings WHERE tenant_id = $1", tenant))!);
}
