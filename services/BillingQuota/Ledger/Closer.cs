using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.BillingQuota.Ledger;

/// <summary>
/// Closes the days that are over, each with a hash that is chained to the day before, also those without a row: from the first that has one.
/// Each some minutes after its end. Nothing is posted into a day that is closed, whatever a clock says.
/// </summary>
/// <remarks>
/// The chain proves that rows and days fit together, not that they are the ones which were written: the owner of the database could write it
/// anew. A hash that was seen outside fixes everything up to its day, so each goes to the log, which is kept elsewhere.
/// </remarks>
internal sealed partial class Closer(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock, ILogger<Closer> logger)
{
    /// <summary>Closes every day that is over, in a transaction each.</summary>
    public async Task CloseAsync(CancellationToken cancellation)
    {
        while (await CloseNextAsync(cancellation))
        {
        }
    }

    private async Task<bool> CloseNextAsync(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var turn = await connection.BeginLedgerTurnAsync(cancellation);
        var now = clock.NowInMicros();
        if (turn is null || await NextAsync(turn, cancellation) is not { } next || next.Day >= DateOnly.FromDateTime(now - Poster.Patience))
        {
            return false;
        }

        using var hash = new DayHash(next.Previous);
        await foreach (var row in LedgerReader.RowsAsync(turn, next.LastSeq, next.Day, cancellation))
        {
            hash.Add(row);
        }

        var closed = hash.Close(next.Day, next.LastSeq + 1);
        await KeepAsync(turn, closed, now, cancellation);
        var head = Convert.ToHexStringLower(closed.Hash);
        // Before the commit: a crash in between repeats the line, and never leaves one out. It repeats the hash, too: by now no instance's clock
        // is so far behind this one's that it would still post into the day.
        LogClosed(closed.Day, closed.Rows, head);
        await turn.CommitAsync(cancellation);
        return true;
    }

    private static async Task<(DateOnly Day, long LastSeq, byte[] Previous)?> NextAsync(NpgsqlTransaction turn, CancellationToken cancellation)
    {
        await using var read = new NpgsqlCommand(
            """
            SELECT coalesce(closed_day + 1, (SELECT day FROM usage_ledger ORDER BY seq LIMIT 1)), coalesce(d.last_seq, 0), coalesce(closed_hash, $1)
            FROM ledger_state LEFT JOIN ledger_days d ON d.day = closed_day
            """,
            turn.Connection,
            turn)
        {
            Parameters = { new() { Value = DayHash.Origin } },
        };
        await using var reader = await read.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation) && !reader.IsDBNull(0)
            ? (reader.GetFieldValue<DateOnly>(0), reader.GetInt64(1), reader.GetFieldValue<byte[]>(2))
            : null;
    }

    private static async Task KeepAsync(NpgsqlTransaction turn, LedgerDay closed, DateTime now, CancellationToken cancellation)
    {
        await using var batch = new NpgsqlBatch(turn.Connection, turn)
        {
            BatchCommands =
            {
                new("INSERT INTO ledger_days (day, rows, first_seq, last_seq, previous_hash, hash, closed_at) VALUES ($1, $2, $3, $4, $5, $6, $7)")
                {
                    Parameters =
                    {
                        new() { Value = closed.Day }, new() { Value = closed.Rows }, new() { Value = closed.FirstSeq }, new() { Value = closed.LastSeq },
                        new() { Value = closed.PreviousHash }, new() { Value = closed.Hash }, new() { Value = now },
                    },
                },
                new("UPDATE ledger_state SET closed_day = $1, closed_hash = $2, open_day = greatest(open_day, $1 + 1)")
                {
                    Parameters = { new() { Value = closed.Day }, new() { Value = closed.Hash } },
                },
            },
        };
        await batch.ExecuteNonQueryAsync(cancellation);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Ledger of {Day:yyyy-MM-dd} is closed: {Rows} rows, {Hash}")]
    private partial void LogClosed(DateOnly day, long rows, string hash);
}
