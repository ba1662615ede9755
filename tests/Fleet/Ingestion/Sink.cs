using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>What there is of a tenant's readings behind the broker.</summary>
/// <param name="Copies">How often each number of each device is stored.</param>
/// <param name="Bytes">Of their payloads together.</param>
/// <param name="Rejected">Reasons and counts of what was refused.</param>
/// <param name="Usage">What the tenant is billed for.</param>
internal sealed record Stored(Dictionary<(Guid Device, int Number), int> Copies, long Bytes, string Rejected, Usage Usage)
{
    public long Rows => Copies.Values.Sum();
}

/// <summary>A tenant's usage, of all time, as the ledger has it.</summary>
internal sealed record Usage(long Messages, long Readings, long Bytes);

/// <summary>The databases that readings end in: the fleet's own, or those of a test.</summary>
internal sealed class Sink : IAsyncDisposable
{
    private readonly NpgsqlDataSource _telemetry;
    private readonly NpgsqlDataSource _usage;
    private readonly string _usageSql;

    public Sink()
        : this(
            Fleet.Telemetry(),
            Fleet.Billing(),
            """
            SELECT CASE meter WHEN 'messages' THEN amount END messages, CASE meter WHEN 'readings' THEN amount WHEN 'readings_deleted' THEN -amount END readings,
                CASE meter WHEN 'bytes_stored' THEN amount WHEN 'bytes_deleted' THEN -amount END bytes
            FROM (SELECT tenant_id, meter, amount FROM usage_ledger UNION ALL SELECT tenant_id, meter, amount FROM usage_pending) used
            WHERE tenant_id = $1
            """)
    {
    }

    private Sink(NpgsqlDataSource telemetry, NpgsqlDataSource usage, string usageSql) =>
        (_telemetry, _usage, _usageSql) = (telemetry, usage, usageSql);

    /// <summary>A database of a test's own, whose outbox nobody empties, since its ingestion has no RabbitMQ: what it would bill is there, or about to be.</summary>
    public static Sink Of(TestDatabase database) => new(
        NpgsqlDataSource.Create(database.ForSuperuser()),
        NpgsqlDataSource.Create(database.ForSuperuser()),
        """
        SELECT (entry->>'Messages')::bigint messages, (entry->>'Readings')::bigint readings, (entry->>'Bytes')::bigint bytes
        FROM (SELECT entries::jsonb FROM used UNION ALL SELECT body->'Entries' FROM outbox WHERE type LIKE '%.UsageRecorded') told (entries),
            jsonb_array_elements(entries) entry
        WHERE (entry->>'TenantId')::uuid = $1
        """);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public Task<long> RowsOfAsync(Guid tenant) => SumAsync("count(*)", tenant);

    public Task<long> BytesOfAsync(Guid tenant) => SumAsync("coalesce(sum(bytes), 0)::bigint", tenant);

    public async Task<Stored> OfAsync(Guid tenant)
    {
        var copies = new Dictionary<(Guid, int), int>();
        var bytes = 0L;
        await using (var command = _telemetry.CreateCommand(
            """
            SELECT device_id, (payload_of(form, value, payload, time)->>'value')::integer, count(*)::integer, sum(bytes)
            FROM readings WHERE tenant_id = $1 GROUP BY 1, 2
            """))
        {
            command.Parameters.Add(new() { Value = tenant });
            await using var reader = await command.ExecuteReaderAsync(Cancellation);
            while (await reader.ReadAsync(Cancellation))
            {
                copies.Add((reader.GetGuid(0), reader.GetInt32(1)), reader.GetInt32(2));
                bytes += reader.GetInt64(3);
            }
        }

        return new Stored(copies, bytes, await RejectedAsync(tenant), await UsageAsync(tenant));
    }

    public ValueTask DisposeAsync()
    {
        _telemetry.Dispose();
        _usage.Dispose();
        return default;
    }

    /// <summary>As <c>reason=count</c>, sorted.</summary>
    public async Task<string> RejectedAsync(Guid tenant)
    {
        await using var command = _telemetry.CreateCommand(
            "SELECT string_agg(reason || '=' || n, ' ' ORDER BY reason) FROM (SELECT reason, sum(count) n FROM rejections WHERE tenant_id = $1 GROUP BY 1) r");
        command.Parameters.Add(new() { Value = tenant });
        return await command.ExecuteScalarAsync(Cancellation) as string ?? "";
    }

    private async Task<long> SumAsync(string sum, Guid tenant)
    {
        await using var command = _telemetry.CreateCommand($"SELECT {sum} FROM readings WHERE tenant_id = $1");
        command.Parameters.Add(new() { Value = tenant });
        return (long)(await command.ExecuteScalarAsync(Cancellation))!;
    }

    private async Task<Usage> UsageAsync(Guid tenant)
    {
        await using var command = _usage.CreateCommand(
            $"SELECT coalesce(sum(messages), 0)::bigint, coalesce(sum(readings), 0)::bigint, coalesce(sum(bytes), 0)::bigint FROM ({_usageSql}) u");
        command.Parameters.Add(new() { Value = tenant });
        await using var reader = await command.ExecuteReaderAsync(Cancellation);
        await reader.ReadAsync(Cancellation);
        return new Usage(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
    }
}
