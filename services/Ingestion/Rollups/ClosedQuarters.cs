using Npgsql;

namespace EasySmart.Ingestion.Rollups;

/// <summary>The quarters that have closed and are not rolled up, of all series. Used by the one roller that has its turn.</summary>
internal sealed class ClosedQuarters(IngestionMetrics metrics, TimeProvider clock)
{
    // While a quarter is rolled up its readings are read from the heap: a breath between the pages leaves the processor to ingest.
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestStep = TimeSpan.FromDays(1);

    // Until when quarters have closed, and a transaction that began after it was seen. Those before it may hold readings of these quarters
    // that have no mark.
    private (DateTime Until, ulong Last)? _closed;

    /// <summary>Rolls up what has closed, as far as that is sure by now.</summary>
    public async Task RollAsync(NpgsqlConnection connection, CancellationToken cancellation)
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
            await SeriesRange.RollUpAsync(page, transaction, cancellation);
            await transaction.CommitAsync(cancellation);
            if (page.Count < SeriesRange.Most)
            {
                return;
            }

            last = page[^1];
            await Task.Delay(Breath, clock, cancellation);
        }
    }

    /// <summary>Begins to look anew: a database that was brought back from an earlier day counts its transactions from there.</summary>
    public void Forget() => _closed = null;
}
