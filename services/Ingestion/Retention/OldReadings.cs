using Npgsql;

namespace EasySmart.Ingestion.Retention;

/// <summary>A tenant's readings of a chunk that are older than its plan keeps them.</summary>
/// <param name="Tenant">The tenant.</param>
/// <param name="From">The chunk's beginning.</param>
/// <param name="To">The chunk's end, or before it the time from which readings are kept.</param>
internal sealed record OldReadings(Guid Tenant, DateTime From, DateTime To)
{
    // Whole quarters: a rollup is kept for what is deleted, or made from all there is. Days have 24 hours, whatever the session's time zone says.
    internal const string Kept =
        """
        (SELECT tenant_id, date_bin('15 minutes', $1 - make_interval(hours => 24 * retention_days), timestamptz 'epoch') AS since
        FROM tenant_quotas WHERE retention_days > 0 AND retention_days < 1000000)
        """;

    // What is compressed, or was never looked at before, takes its time; nobody waits for it.
    internal static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <summary>Chunks that hold something old for at least one tenant, if that tenant has readings there.</summary>
    public static async Task<IReadOnlyList<(DateTime From, DateTime To)>> ChunksAsync(
        NpgsqlDataSource database, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            $"""
            SELECT range_start, range_end FROM timescaledb_information.chunks
            WHERE hypertable_schema = 'public' AND hypertable_name = 'readings' AND range_start < (SELECT max(since) FROM {Kept} AS kept)
            ORDER BY range_start
            """);
        command.Parameters.Add(new() { Value = now });
        var chunks = new List<(DateTime, DateTime)>();
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            chunks.Add((reader.GetDateTime(0), reader.GetDateTime(1)));
        }

        return chunks;
    }

    /// <summary>
    /// What is old in a chunk. The tenants are looked up in the index, from one to the next: a chunk costs as many looks as tenants still
    /// have readings there.
    /// </summary>
    public static async Task<IReadOnlyList<OldReadings>> InAsync(
        NpgsqlDataSource database, (DateTime From, DateTime To) chunk, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var batch = database.CreateBatch();
        batch.Timeout = (int)Longest.TotalSeconds;
        batch.BatchCommands.Add(ByIndex());
        batch.BatchCommands.Add(new NpgsqlBatchCommand(
            $"""
            WITH RECURSIVE present AS (
                (SELECT tenant_id FROM readings WHERE time >= $2 AND time < $3 ORDER BY tenant_id LIMIT 1)
                UNION ALL
                SELECT (SELECT next.tenant_id FROM readings next WHERE next.tenant_id > one.tenant_id AND next.time >= $2 AND next.time < $3
                        ORDER BY next.tenant_id LIMIT 1)
                FROM present one WHERE one.tenant_id IS NOT NULL)
            SELECT tenant_id, least(since, $3) FROM present JOIN {Kept} AS kept USING (tenant_id) WHERE since > $2 ORDER BY tenant_id
            """)
        {
            Parameters = { new() { Value = now }, new() { Value = chunk.From }, new() { Value = chunk.To } },
        });
        var old = new List<OldReadings>();
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            old.Add(new OldReadings(reader.GetGuid(0), chunk.From, reader.GetDateTime(1)));
        }

        return old;
    }

    /// <summary>Has the statements after it use the index, whatever the planner thinks of chunks that it has no statistics of.</summary>
    internal static NpgsqlBatchCommand ByIndex() => new(
        """
        SELECT set_config(name, 'off', true) FROM unnest(ARRAY['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'jit']) AS name
        UNION ALL
        -- In the columnstore a piece may have to unpack more rows than a statement may by default.
        SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'timescaledb.max_tuples_decompressed_per_dml_transaction'
        """);
}
