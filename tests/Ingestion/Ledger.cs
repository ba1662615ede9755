using System.Data;
using System.Text.Json;
using EasySmart.Contracts.Ingestion;
using EasySmart.Ingestion.Usage;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>What the readings hold against what usage says of them, in a database of ingestion's.</summary>
internal sealed class Ledger(string connectionString) : IAsyncDisposable
{
    private const string Entries = "CROSS JOIN LATERAL jsonb_array_elements(entries::jsonb) AS entry";

    public NpgsqlDataSource Source { get; } = NpgsqlDataSource.Create(connectionString);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Tenants whose account, with what is not told yet, is not what their readings are; as of one moment.</summary>
    public async Task<string> DifferencesAsync()
    {
        await using var connection = await Source.OpenConnectionAsync(Cancellation);
        await using var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, Cancellation);
        // The snapshot first: a statement of its own may be planned before a chunk was made whose usage it then sees.
        await using var begin = new NpgsqlCommand("SELECT 1", connection, snapshot);
        await begin.ExecuteNonQueryAsync(Cancellation);
        await using var compare = new NpgsqlCommand(
            $"""
            WITH held AS (SELECT tenant_id, count(*) AS readings, sum(bytes) AS bytes FROM readings GROUP BY 1),
            said AS (
                SELECT tenant_id, sum(readings) AS readings, sum(bytes) AS bytes FROM (
                    SELECT tenant_id, readings, bytes FROM tenant_stored
                    UNION ALL {Of("used")}) AS known
                GROUP BY 1)
            SELECT coalesce(string_agg(format('%s: %s/%s held, %s/%s said', tenant_id, h.readings, h.bytes, s.readings, s.bytes), '; '), '')
            FROM held h FULL JOIN said s USING (tenant_id)
            WHERE coalesce(h.readings, 0) <> coalesce(s.readings, 0) OR coalesce(h.bytes, 0) <> coalesce(s.bytes, 0)
            """,
            connection,
            snapshot);
        return (string)(await compare.ExecuteScalarAsync(Cancellation))!;
    }

    /// <summary>The same against what all events have told, when nothing is left to be told.</summary>
    public async Task<string> UntoldAsync() => (string)(await ScalarAsync(
        $"""
        WITH held AS (SELECT tenant_id, count(*) AS readings, sum(bytes) AS bytes FROM readings GROUP BY 1),
        said AS (
            SELECT tenant_id, sum(readings) AS readings, sum(bytes) AS bytes
            FROM ({Of("(SELECT body -> 'Entries' AS entries FROM outbox WHERE type LIKE '%.UsageRecorded') AS told")}) AS known
            GROUP BY 1)
        SELECT coalesce(string_agg(format('%s: %s/%s held, %s/%s told', tenant_id, h.readings, h.bytes, s.readings, s.bytes), '; '), '')
        FROM held h FULL JOIN said s USING (tenant_id)
        WHERE coalesce(h.readings, 0) <> coalesce(s.readings, 0) OR coalesce(h.bytes, 0) <> coalesce(s.bytes, 0)
        """))!;

    /// <summary>All that was used, told or not; of one tenant.</summary>
    public async Task<UsageEntry> UsageAsync(Guid tenant)
    {
        var entries = (string)(await ScalarAsync(
            $"""
            SELECT coalesce(jsonb_agg(entry), '[]')::text
            FROM (SELECT entries::jsonb FROM used UNION ALL SELECT body -> 'Entries' FROM outbox WHERE type LIKE '%.UsageRecorded') AS kept (entries) {Entries}
            WHERE (entry ->> 'TenantId')::uuid = '{tenant}'
            """))!;
        return JsonSerializer.Deserialize<UsageEntry[]>(entries)!.Aggregate(
            new UsageEntry(tenant, default, 0, 0, 0),
            (sum, e) => sum with
            {
                Messages = sum.Messages + e.Messages,
                Readings = sum.Readings + e.Readings,
                Bytes = sum.Bytes + e.Bytes,
                ReadingsDeleted = sum.ReadingsDeleted + e.ReadingsDeleted,
                BytesDeleted = sum.BytesDeleted + e.BytesDeleted,
                WebhookCalls = sum.WebhookCalls + e.WebhookCalls,
                Exports = sum.Exports + e.Exports,
            });
    }

    /// <summary>Tells all that is not told yet.</summary>
    public async Task TellAsync()
    {
        using var teller = new UsageTeller(Source, TimeProvider.System, NullLogger<UsageTeller>.Instance);
        while (await teller.TellAsync(Cancellation) > 0)
        {
        }
    }

    public async Task<object?> ScalarAsync(string sql, params object[] parameters)
    {
        await using var command = Source.CreateCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(new() { Value = parameter });
        }

        return await command.ExecuteScalarAsync(Cancellation);
    }

    public ValueTask DisposeAsync() => Source.DisposeAsync();

    private static string Of(string table) =>
        $"""
        SELECT (entry ->> 'TenantId')::uuid AS tenant_id,
            coalesce((entry ->> 'Readings')::bigint, 0) - coalesce((entry ->> 'ReadingsDeleted')::bigint, 0) AS readings,
            coalesce((entry ->> 'Bytes')::bigint, 0) - coalesce((entry ->> 'BytesDeleted')::bigint, 0) AS bytes
        FROM {table} {Entries}
        """;
}
