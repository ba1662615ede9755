using System.Data;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Ingestion.Rollups;

/// <summary>
/// Keeps the rollups: quarters that close, and closed ones that got late readings. One instance at a time; what it has not come to is read
/// from the readings themselves, so that nobody ever reads a rollup that is not right.
/// </summary>
internal sealed partial class Roller(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database,
    IngestionMetrics metrics,
    TimeProvider clock,
    ILogger<Roller> logger) : BackgroundService
{
    /// <summary>Held by who is at it. Any constant: advisory locks are per database.</summary>
    internal const long Lock = 0x526F6C6C;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    // While a quarter is rolled up its readings are read from the heap: a breath between the pages leaves the processor to ingest.
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestStep = TimeSpan.FromDays(1);

    // Until when quarters have closed, and a transaction that began after it was seen. Those before it may hold readings of these quarters
    // that have no mark.
    private (DateTime Until, ulong Last)? _closed;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await RollAsync(stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // A database that was brought back from an earlier day counts its transactions from there.
                _closed = null;
                LogLater(exception.Message);
                await Task.Delay(Pause, clock, stoppingToken);
            }
        }
    }

    /// <summary>Rolls up what is due, and what has closed as far as that is sure. Does nothing while another instance is at it.</summary>
    internal async Task RollAsync(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var take = new NpgsqlCommand($"SELECT pg_try_advisory_lock({Lock})", connection);
        if (await take.ExecuteScalarAsync(cancellation) is not true)
        {
            metrics.RolledUntil(null);
            return;
        }

        try
        {
            await RollDueAsync(connection, cancellation);
            await RollClosedAsync(connection, cancellation);
        }
        finally
        {
            // A connection in the pool would keep it. One that is broken has lost it.
            if (connection.State == ConnectionState.Open)
            {
                await using var release = new NpgsqlCommand($"SELECT pg_advisory_unlock({Lock})", connection);
                await release.ExecuteNonQueryAsync(CancellationToken.None);
            }
        }
    }

    private async Task RollDueAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        int taken;
        do
        {
            // What is marked after the deletion stays, and is done the next time.
            await using var transaction = await connection.BeginTransactionAsync(cancellation);
            var due = await DueQuarters.TakeAsync(transaction, cancellation);
            await RollUpAsync(due.Ranges, transaction, cancellation);
            await transaction.CommitAsync(cancellation);
            taken = due.Marks;
            metrics.Corrected(due.Quarters);
        }
        while (taken == DueQuarters.Most);
    }

    private async Task RollClosedAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        var (since, closed, oldest) = await ReadAsync(connection, cancellation);
        metrics.RolledUntil(since);
        if (since >= closed)
        {
            _closed = null;
            return;
        }

        if (_closed is not { } seen || seen.Until <= since)
        {
            // A number of its own is above that of every open transaction. A snapshot's xmax is not: it is one above the last that has ended.
            await using var number = new NpgsqlCommand("SELECT pg_current_xact_id()", connection);
            _closed = (closed, (ulong)(await number.ExecuteScalarAsync(cancellation))!);
            return;
        }

        if (oldest <= seen.Last)
        {
            // The next look will tell.
            return;
        }

        while (since < seen.Until)
        {
            var until = seen.Until - since > LongestStep ? since + LongestStep : seen.Until;
            await RollSeriesAsync(connection, since, until, cancellation);
            await using var progress = new NpgsqlCommand("UPDATE rollup_progress SET rolled_until = $2 WHERE rolled_until = $1", connection)
            {
                Parameters = { new() { Value = since }, new() { Value = until } },
            };
            if (await progress.ExecuteNonQueryAsync(cancellation) == 0)
            {
                // Somebody has set it back.
                return;
            }

            since = until;
            metrics.RolledUntil(since);
        }
    }

    private static async Task<(DateTime RolledUntil, DateTime Closed, ulong Oldest)> ReadAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT rolled_until, date_bin('15 minutes', clock_timestamp() - {LateQuarters.Open}, timestamptz 'epoch'),
                pg_snapshot_xmin(pg_current_snapshot())
            FROM rollup_progress
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        await reader.ReadAsync(cancellation);
        return (reader.GetDateTime(0), reader.GetDateTime(1), reader.GetFieldValue<ulong>(2));
    }

    /// <summary>Every series that can have a reading between two times: its latest is not before them.</summary>
    private async Task RollSeriesAsync(NpgsqlConnection connection, DateTime since, DateTime until, CancellationToken cancellation)
    {
        SeriesRange? last = null;
        while (true)
        {
            var page = await SeriesRange.ReadAsync(connection, since, until, last, cancellation);
            await using var transaction = await connection.BeginTransactionAsync(cancellation);
            await RollUpAsync(page, transaction, cancellation);
            await transaction.CommitAsync(cancellation);
            if (page.Count < SeriesRange.Most)
            {
                return;
            }

            last = page[^1];
            await Task.Delay(Breath, clock, cancellation);
        }
    }

    private static async Task RollUpAsync(IReadOnlyList<SeriesRange> ranges, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        if (ranges.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand("SELECT roll_up($1, $2, $3, $4, $5)", transaction.Connection, transaction)
        {
            // A day of many busy series takes its time.
            CommandTimeout = 600,
            Parameters =
            {
                new() { Value = ranges.Select(r => r.Tenant).ToArray() },
                new() { Value = ranges.Select(r => r.Device).ToArray() },
                new() { Value = ranges.Select(r => r.Slot).ToArray() },
                new() { Value = ranges.Select(r => r.Since).ToArray() },
                new() { Value = ranges.Select(r => r.Until).ToArray() },
            },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Rollups are made later, and until then read from the readings: {Reason}")]
    private partial void LogLater(string reason);
}
