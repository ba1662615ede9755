using EasySmart.Contracts.Ingestion;
using Npgsql;

namespace EasySmart.Ingestion.Usage;

/// <summary>The tenants' accounts of what they have stored: moved with all that is told, in the transaction that tells it.</summary>
internal static class StoredAccounts
{
    /// <summary>Adds what was stored, less what was deleted.</summary>
    public static async Task AddAsync(NpgsqlTransaction transaction, IEnumerable<UsageEntry> told, CancellationToken cancellation)
    {
        if (Adding(told) is { } command)
        {
            await using var batch = new NpgsqlBatch(transaction.Connection, transaction) { BatchCommands = { command } };
            await batch.ExecuteNonQueryAsync(cancellation);
        }
    }

    /// <summary>The statement that does it; null when that changes no account.</summary>
    public static NpgsqlBatchCommand? Adding(IEnumerable<UsageEntry> told)
    {
        // In one order everywhere, or two instances that tell at once would wait for each other's rows.
        var changes = told.GroupBy(e => e.TenantId)
            .Select(of => (Tenant: of.Key, Readings: of.Sum(e => e.Readings - e.ReadingsDeleted), Bytes: of.Sum(e => e.Bytes - e.BytesDeleted)))
            .Where(change => change is not { Readings: 0, Bytes: 0 })
            .OrderBy(change => change.Tenant)
            .ToArray();
        return changes.Length == 0 ? null : new NpgsqlBatchCommand(
            """
            INSERT INTO tenant_stored AS account (tenant_id, readings, bytes)
            SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[])
            ON CONFLICT (tenant_id) DO UPDATE
            SET readings = account.readings + excluded.readings, bytes = account.bytes + excluded.bytes
            """)
        {
            Parameters =
            {
                new() { Value = Array.ConvertAll(changes, change => change.Tenant) },
                new() { Value = Array.ConvertAll(changes, change => change.Readings) },
                new() { Value = Array.ConvertAll(changes, change => change.Bytes) },
            },
        };
    }
}
