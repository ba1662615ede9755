using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.TelemetryQuery.Streams;

/// <summary>The readings of the last minutes as the database has them, for streams that were not told of some.</summary>
internal sealed class StoredReadings(NpgsqlDataSource database)
{
    /// <summary>Readings that are looked for at once.</summary>
    public const int Most = 10_000;

    // How much older than its arrival a reading may be to be found: what is looked through is all that this long and the time since hold.
    private static readonly TimeSpan Late = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The newest <see cref="Most"/> readings that arrived since then, in the order of arrival. Only series that have one so new are looked
    /// into, each by its own piece of the index.
    /// </summary>
    /// <param name="tenant">The tenant.</param>
    /// <param name="devices">Its devices; null for all.</param>
    /// <param name="since">The arrival before the first.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The readings, and whether there are more.</returns>
    public async Task<(List<LiveReading> Readings, bool More)> SinceAsync(
        Guid tenant, IReadOnlySet<Guid>? devices, DateTimeOffset since, CancellationToken cancellation)
    {
        // Large values stay where they are until their turn comes.
        var query = new NpgsqlBatchCommand(
            $"""
            SELECT found.device_id, found.slot, found.time, found.received_at, CASE WHEN octet_length(sent.text) <= 4000 THEN sent.text END
            FROM (
                SELECT r.* FROM tenant.latest l CROSS JOIN LATERAL (
                    SELECT r.device_id, r.slot, r.time, r.received_at, r.sent FROM tenant.readings r
                    WHERE r.device_id = l.device_id AND r.slot = l.slot AND r.time > $2 AND r.received_at > $1
                    OFFSET 0) r
                WHERE l.time > $2 {(devices is null ? "" : "AND l.device_id = ANY($3)")}
                ORDER BY r.received_at DESC LIMIT {Most + 1}) found
            CROSS JOIN LATERAL (SELECT found.sent::text AS text) sent
            """)
        {
            Parameters = { new() { Value = since.UtcDateTime }, new() { Value = (since - Late).UtcDateTime } },
        };
        if (devices is not null)
        {
            query.Parameters.Add(new() { Value = devices.ToArray() });
        }

        var readings = await ReadAsync(tenant, query, cancellation);
        var more = readings.Count > Most;
        readings.Sort((a, b) => a.Received.CompareTo(b.Received));
        return (more ? readings[1..] : readings, more);
    }

    /// <summary>One reading's value; null when it is not there any more.</summary>
    public async Task<string?> ValueAsync(Guid tenant, LiveReading reading)
    {
        var query = new NpgsqlBatchCommand("SELECT sent::text FROM tenant.readings WHERE device_id = $1 AND slot = $2 AND time = $3")
        {
            Parameters = { new() { Value = reading.Device }, new() { Value = reading.Slot }, new() { Value = reading.Time.UtcDateTime } },
        };
        using var patience = new CancellationTokenSource(Patience);
        await using var found = await database.QueryTenantAsync(tenant, query, patience.Token);
        return await found.ReadAsync(patience.Token) ? found.GetString(0) : null;
    }

    private async Task<List<LiveReading>> ReadAsync(Guid tenant, NpgsqlBatchCommand query, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        var readings = new List<LiveReading>();
        try
        {
            await using var reader = await database.QueryTenantAsync(tenant, query, patience.Token);
            while (await reader.ReadAsync(patience.Token))
            {
                readings.Add(new LiveReading(
                    reader.GetGuid(0), reader.GetInt16(1), reader.GetFieldValue<DateTimeOffset>(2), reader.GetFieldValue<DateTimeOffset>(3),
                    reader.IsDBNull(4) ? null : reader.GetString(4), reading => ValueAsync(tenant, reading)));
            }

            return readings;
        }
        catch (OperationCanceledException slow) when (!cancellation.IsCancellationRequested)
        {
            throw new TimeoutException("The database takes too long to say what was stored lately", slow);
        }
    }
}
