using System.Data;
using EasySmart.Contracts.Ingestion;
using Npgsql;

namespace EasySmart.Ingestion.Reconciliation;

/// <summary>Counts what the readings hold of each tenant and what the accounts say, both as of one moment.</summary>
internal static class StorageCount
{
    // Told and not told yet, as UsageTeller would add it up.
    private const string Accounts =
        """
        SELECT tenant_id, sum(readings)::bigint, sum(bytes)::bigint FROM (
            SELECT tenant_id, readings, bytes FROM tenant_stored
            UNION ALL
            SELECT (entry ->> 'TenantId')::uuid,
                coalesce((entry ->> 'Readings')::bigint, 0) - coalesce((entry ->> 'ReadingsDeleted')::bigint, 0),
                coalesce((entry ->> 'Bytes')::bigint, 0) - coalesce((entry ->> 'BytesDeleted')::bigint, 0)
            FROM used CROSS JOIN LATERAL jsonb_array_elements(entries::jsonb) AS entry) AS known
        GROUP BY tenant_id
        """;

    // One process, and chunk by chunk with a breath between them: ingest has the processor and the disk meanwhile. What it writes anew until
    // the end, above all latest and device_minutes, keeps its old versions until then: both counts must be as of one snapshot, and no vacuum
    // removes what a snapshot might see. Hence at night.
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(20);
    private const int LongestChunk = 3600;

    /// <summary>One entry for each tenant that has readings or an account, sorted by tenant, and as of when.</summary>
    public static async Task<(DateTimeOffset At, IReadOnlyList<ReconciledEntry> Counts)> TakeAsync(
        NpgsqlConnection connection, TimeProvider clock, CancellationToken cancellation)
    {
        // Like the minutes of usage, by an instance's clock.
        var at = clock.GetUtcNow();
        await using var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellation);
        await using (var alone = new NpgsqlCommand("SET TRANSACTION READ ONLY; SET LOCAL max_parallel_workers_per_gather = 0", connection, snapshot))
        {
            await alone.ExecuteNonQueryAsync(cancellation);
        }

        var accounts = await SumAsync(new NpgsqlCommand(Accounts, connection, snapshot), [], cancellation);
        var counted = new Dictionary<Guid, (long Readings, long Bytes)>();
        foreach (var (from, to) in await ChunksAsync(connection, snapshot, cancellation))
        {
            await SumAsync(
                new NpgsqlCommand("SELECT tenant_id, count(*), sum(bytes)::bigint FROM readings WHERE time >= $1 AND time < $2 GROUP BY 1", connection, snapshot)
                {
                    CommandTimeout = LongestChunk,
                    Parameters = { new() { Value = from }, new() { Value = to } },
                },
                counted,
                cancellation);
            await Task.Delay(Breath, clock, cancellation);
        }

        await snapshot.CommitAsync(cancellation);
        return (at, [.. counted.Keys.Union(accounts.Keys).Order().Select(tenant =>
        {
            var (held, said) = (counted.GetValueOrDefault(tenant), accounts.GetValueOrDefault(tenant));
            return new ReconciledEntry(tenant, held.Readings, held.Bytes, said.Readings, said.Bytes);
        })]);
    }

    private static async Task<List<(DateTime From, DateTime To)>> ChunksAsync(
        NpgsqlConnection connection, NpgsqlTransaction snapshot, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT range_start, range_end FROM timescaledb_information.chunks
            WHERE hypertable_schema = 'public' AND hypertable_name = 'readings' ORDER BY range_start
            """,
            connection,
            snapshot);
        var chunks = new List<(DateTime, DateTime)>();
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            chunks.Add((reader.GetDateTime(0), reader.GetDateTime(1)));
        }

        return chunks;
    }

    private static async Task<Dictionary<Guid, (long Readings, long Bytes)>> SumAsync(
        NpgsqlCommand command, Dictionary<Guid, (long Readings, long Bytes)> sums, CancellationToken cancellation)
    {
        await using var closed = command;
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            var (readings, bytes) = sums.GetValueOrDefault(reader.GetGuid(0));
            sums[reader.GetGuid(0)] = (readings + reader.GetInt64(1), bytes + reader.GetInt64(2));
        }

        return sums;
    }
}
