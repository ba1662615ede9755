using Npgsql;

namespace EasySmart.Load;

/// <summary>The telemetry database, asked as its owner whether all has arrived.</summary>
internal sealed class Store(RunningFleet fleet) : IAsyncDisposable
{
    private readonly NpgsqlDataSource _database = fleet.Telemetry();

    /// <summary>When this run began: numbers start anew with each.</summary>
    public DateTime Since { get; } = DateTime.UtcNow;

    public ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellation) => _database.OpenConnectionAsync(cancellation);

    /// <summary>Whether <c>latest</c> shows the last reading of each slot: readings of one device are committed in their order.</summary>
    public async Task<bool> HasLastOfEachAsync(IEnumerable<Publisher> publishers, CancellationToken cancellation)
    {
        var last = publishers
            .SelectMany(p => Enumerable.Range(0, p.Slots).Select(slot => (p.Device, Slot: (short)slot, Number: p.LastNumberOf(slot))))
            .Where(one => one.Number is not null).ToList();
        await using var command = _database.CreateCommand(
            """
            SELECT count(*) FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::float8[]) AS sent (tenant_id, device_id, slot, value)
            JOIN latest l USING (tenant_id, device_id, slot)
            WHERE coalesce(l.value, (l.payload ->> 'value')::float8) = sent.value AND l.received_at >= $5
            """);
        command.Parameters.Add(new() { Value = last.Select(one => one.Device.TenantId).ToArray() });
        command.Parameters.Add(new() { Value = last.Select(one => one.Device.DeviceId).ToArray() });
        command.Parameters.Add(new() { Value = last.Select(one => one.Slot).ToArray() });
        command.Parameters.Add(new() { Value = last.Select(one => Payloads.ValueOf(one.Number!.Value)).ToArray() });
        command.Parameters.Add(new() { Value = Since });
        return await command.ExecuteScalarAsync(cancellation) is long count && count == last.Count;
    }

    /// <summary>What is stored of each device since a time: how many readings, how many of them different, the first number and the last.</summary>
    public async Task<Dictionary<Guid, Stored>> CountAsync(IEnumerable<LoadDevice> devices, DateTime since, CancellationToken cancellation)
    {
        await using var command = _database.CreateCommand(
            """
            SELECT device_id, count(*), count(DISTINCT value), min(value), max(value)
            FROM (SELECT device_id, coalesce(value, (payload ->> 'value')::float8) AS value FROM readings
                WHERE tenant_id = ANY($1) AND device_id = ANY($2) AND received_at >= $3 AND time > $3 - interval '1 hour') AS r
            GROUP BY device_id
            """);
        command.Parameters.Add(new() { Value = devices.Select(d => d.TenantId).Distinct().ToArray() });
        command.Parameters.Add(new() { Value = devices.Select(d => d.DeviceId).ToArray() });
        command.Parameters.Add(new() { Value = since });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var stored = new Dictionary<Guid, Stored>();
        while (await reader.ReadAsync(cancellation))
        {
            stored.Add(reader.GetGuid(0), new Stored(reader.GetInt64(1), reader.GetInt64(2), (long)reader.GetDouble(3), (long)reader.GetDouble(4)));
        }

        return stored;
    }

    /// <summary>Removes what a run has stored, so that the next one finds the table as this one did.</summary>
    public async Task CleanAsync(IEnumerable<Guid> tenants, CancellationToken cancellation)
    {
        await using var command = _database.CreateCommand(
            "DELETE FROM readings WHERE tenant_id = ANY($1) AND received_at >= $2 AND time > $2 - interval '1 hour'");
        command.Parameters.Add(new() { Value = tenants.Distinct().ToArray() });
        command.Parameters.Add(new() { Value = Since });
        await command.ExecuteNonQueryAsync(cancellation);
        await RunAsync("VACUUM (ANALYZE) readings", cancellation);
    }

    public async Task RunAsync(string statement, CancellationToken cancellation)
    {
        await using var command = _database.CreateCommand(statement);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync(cancellation);
    }

    public async Task<object?> AskAsync(string question, CancellationToken cancellation)
    {
        await using var command = _database.CreateCommand(question);
        return await command.ExecuteScalarAsync(cancellation);
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();
}

/// <summary>What the database has of a device.</summary>
internal sealed record Stored(long Count, long Different, long First, long Last);
