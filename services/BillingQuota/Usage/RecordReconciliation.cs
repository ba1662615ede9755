using EasySmart.BillingQuota.Ledger;
using EasySmart.Contracts.Ingestion;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.BillingQuota.Usage;

/// <summary>
/// Keeps each nightly count of what is stored, beside the accounts and the ledger's own balance. Nothing is corrected here. Where the accounts
/// differ from the count, ingestion corrects them by usage, which the ledger takes like any other. Where the ledger alone differs, that is
/// recorded and logged again each night, until an operator corrects it.
/// </summary>
internal sealed partial class RecordReconciliation(ILogger<RecordReconciliation> logger) : IEventHandler<StorageReconciled>
{
    // What moved in this hour and the one before may be on its way, or be here already and not in the count.
    private const string Insert =
        $"""
        WITH counted AS (
            SELECT * FROM unnest($2, $3, $4, $5, $6) AS c (tenant_id, counted_readings, counted_bytes, accounted_readings, accounted_bytes)),
        ledger AS (
            SELECT tenant_id,
                coalesce(sum(CASE meter WHEN '{Meters.Readings}' THEN amount WHEN '{Meters.ReadingsDeleted}' THEN -amount END), 0)::bigint AS readings,
                coalesce(sum(CASE meter WHEN '{Meters.BytesStored}' THEN amount WHEN '{Meters.BytesDeleted}' THEN -amount END), 0)::bigint AS bytes,
                coalesce(sum(abs(amount)) FILTER (WHERE hour >= $7 AND meter IN ('{Meters.Readings}', '{Meters.ReadingsDeleted}')), 0)::bigint AS readings_moved,
                coalesce(sum(abs(amount)) FILTER (WHERE hour >= $7 AND meter IN ('{Meters.BytesStored}', '{Meters.BytesDeleted}')), 0)::bigint AS bytes_moved
            FROM usage_hours
            WHERE tenant_id = ANY($2)
                AND meter IN ('{Meters.Readings}', '{Meters.ReadingsDeleted}', '{Meters.BytesStored}', '{Meters.BytesDeleted}')
            GROUP BY tenant_id),
        kept AS (
            INSERT INTO reconciliations (
                tenant_id, counted_at, counted_readings, counted_bytes, accounted_readings, accounted_bytes, ledger_readings, ledger_bytes)
            SELECT tenant_id, $1, counted_readings, counted_bytes, accounted_readings, accounted_bytes, coalesce(readings, 0), coalesce(bytes, 0)
            FROM counted LEFT JOIN ledger USING (tenant_id)
            ON CONFLICT DO NOTHING
            RETURNING *)
        SELECT tenant_id, counted_readings, counted_bytes, accounted_readings, accounted_bytes, ledger_readings, ledger_bytes
        FROM kept LEFT JOIN ledger USING (tenant_id)
        WHERE difference_readings <> 0 OR difference_bytes <> 0
            OR abs(counted_readings - ledger_readings) > coalesce(readings_moved, 0) OR abs(counted_bytes - ledger_bytes) > coalesce(bytes_moved, 0)
        """;

    public async Task HandleAsync(StorageReconciled @event, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        var countedAt = @event.OccurredAt.UtcDateTime;
        var entries = @event.Entries;
        await using var insert = new NpgsqlCommand(Insert, transaction.Connection, transaction)
        {
            // Once a day, through the whole ledger.
            CommandTimeout = 600,
            Parameters =
            {
                new() { Value = countedAt },
                new() { Value = entries.Select(e => e.TenantId).ToArray() },
                new() { Value = entries.Select(e => e.CountedReadings).ToArray() },
                new() { Value = entries.Select(e => e.CountedBytes).ToArray() },
                new() { Value = entries.Select(e => e.AccountedReadings).ToArray() },
                new() { Value = entries.Select(e => e.AccountedBytes).ToArray() },
                new() { Value = LedgerTurn.Hour(countedAt).AddHours(-1) },
            },
        };
        await using var reader = await insert.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            LogDifference(
                reader.GetGuid(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4), reader.GetInt64(5), reader.GetInt64(6));
        }
    }

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "Tenant {TenantId} stores {Readings} readings of {Bytes} bytes; accounts said {AccountedReadings} of {AccountedBytes}, the ledger {LedgerReadings} of {LedgerBytes}")]
    private partial void LogDifference(
        Guid tenantId, long readings, long bytes, long accountedReadings, long accountedBytes, long ledgerReadings, long ledgerBytes);
}
