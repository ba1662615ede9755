using System.Runtime.CompilerServices;
using Npgsql;

namespace EasySmart.BillingQuota.Ledger;

/// <summary>Reads the ledger as it is hashed.</summary>
internal static class LedgerReader
{
    /// <summary>Rows after <paramref name="after"/> in their order: of one day, or all of them.</summary>
    public static async IAsyncEnumerable<LedgerRow> RowsAsync(
        NpgsqlTransaction transaction, long after, DateOnly? day, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await using var select = new NpgsqlCommand(
            $"""
            SELECT seq, tenant_id, hour, meter, amount, posted_at, day FROM usage_ledger
            WHERE seq > $1 {(day is null ? "" : "AND day = $2")} ORDER BY seq
            """,
            transaction.Connection,
            transaction)
        {
            // A year of many tenants takes its time.
            CommandTimeout = 0,
            Parameters = { new() { Value = after } },
        };
        if (day is { } one)
        {
            select.Parameters.Add(new() { Value = one });
        }

        await using var reader = await select.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            yield return new LedgerRow(
                reader.GetInt64(0), reader.GetGuid(1), reader.GetDateTime(2), reader.GetString(3), reader.GetInt64(4), reader.GetDateTime(5),
                reader.GetFieldValue<DateOnly>(6));
        }
    }

    /// <summary>The days that were closed, in their order.</summary>
    public static async Task<List<LedgerDay>> DaysAsync(NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var select = new NpgsqlCommand(
            "SELECT day, rows, first_seq, last_seq, previous_hash, hash FROM ledger_days ORDER BY day", transaction.Connection, transaction);
        await using var reader = await select.ExecuteReaderAsync(cancellation);
        var days = new List<LedgerDay>();
        while (await reader.ReadAsync(cancellation))
        {
            days.Add(new LedgerDay(
                reader.GetFieldValue<DateOnly>(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetFieldValue<byte[]>(4),
                reader.GetFieldValue<byte[]>(5)));
        }

        return days;
    }

    /// <summary>Where the ledger and its days end.</summary>
    public static async Task<LedgerEnd> EndAsync(NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var select = new NpgsqlCommand("SELECT last_seq, closed_day, closed_hash FROM ledger_state", transaction.Connection, transaction);
        await using var reader = await select.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation)
            ? new LedgerEnd(
                reader.GetInt64(0), reader.IsDBNull(1) ? null : reader.GetFieldValue<DateOnly>(1), reader.IsDBNull(2) ? null : reader.GetFieldValue<byte[]>(2))
            : throw new InvalidOperationException("ledger_state has lost its row");
    }
}

/// <summary>Where the ledger ends, as it is kept beside it.</summary>
/// <param name="LastSeq">The newest row; 0 before there is one.</param>
/// <param name="ClosedDay">The newest day that was closed.</param>
/// <param name="ClosedHash">Its hash.</param>
internal sealed record LedgerEnd(long LastSeq, DateOnly? ClosedDay, byte[]? ClosedHash);
