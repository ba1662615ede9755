using Npgsql;

namespace EasySmart.Ingestion.Retention;

/// <summary>What one transaction deleted of a tenant's old readings.</summary>
/// <param name="IsLast">Nothing old is left after it, or another instance is at it.</param>
/// <param name="Readings">Rows deleted.</param>
/// <param name="Bytes">Their bytes of payload.</param>
/// <param name="Device">Where the next piece goes on.</param>
/// <param name="Slot">The same.</param>
internal sealed record RetentionPiece(bool IsLast, long Readings, long Bytes, Guid Device, short Slot)
{
    /// <summary>Rows deleted in one transaction, at most. In the columnstore it may unpack more: whole batches, and those of other series.</summary>
    internal const int Most = 5000;

    /// <summary>
    /// Deletes the next piece, from the series on where the one before ended, and keeps in mind until when: rollups of deleted readings are
    /// never made anew from what is left.
    /// </summary>
    public static async Task<RetentionPiece> DeleteAsync(
        NpgsqlTransaction transaction, OldReadings old, RetentionPiece? before, CancellationToken cancellation)
    {
        await using var batch = new NpgsqlBatch(transaction.Connection, transaction)
        {
            Timeout = (int)OldReadings.Longest.TotalSeconds,
            BatchCommands = { OldReadings.ByIndex() },
        };
        batch.BatchCommands.Add(new NpgsqlBatchCommand(
            $"""
            WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock({ReadingRetention.Lock}) AS mine),
            old AS MATERIALIZED (
                SELECT device_id, slot, time FROM readings
                WHERE (SELECT mine FROM turn) AND tenant_id = $1 AND time >= $2 AND time < $3 AND (device_id, slot) >= ($4, $5)
                ORDER BY tenant_id, device_id, slot, time DESC LIMIT {Most}),
            gone AS (
                DELETE FROM readings r USING old
                WHERE r.tenant_id = $1 AND r.device_id = old.device_id AND r.slot = old.slot AND r.time = old.time AND r.time >= $2 AND r.time < $3
                RETURNING r.bytes),
            told AS (
                INSERT INTO readings_deleted AS known (tenant_id, until) SELECT $1, $3 WHERE EXISTS (SELECT FROM old)
                ON CONFLICT (tenant_id) DO UPDATE SET until = excluded.until WHERE known.until < excluded.until),
            last AS (SELECT device_id, slot FROM old ORDER BY device_id DESC, slot DESC LIMIT 1)
            SELECT (SELECT count(*) FROM old) < {Most}, count(*), coalesce(sum(bytes), 0)::bigint, (SELECT device_id FROM last), (SELECT slot FROM last)
            FROM gone
            """)
        {
            Parameters =
            {
                new() { Value = old.Tenant },
                new() { Value = old.From },
                new() { Value = old.To },
                new() { Value = before?.Device ?? Guid.Empty },
                new() { Value = before?.Slot ?? (short)0 },
            },
        });
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        await reader.ReadAsync(cancellation);
        return reader.GetBoolean(0)
            ? new RetentionPiece(true, reader.GetInt64(1), reader.GetInt64(2), default, default)
            : new RetentionPiece(false, reader.GetInt64(1), reader.GetInt64(2), reader.GetGuid(3), reader.GetInt16(4));
    }
}
