using NpgsqlTypes;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>A tenant of a test's own, with its devices and values, written as ingestion writes them.</summary>
public sealed class Plant(QueryHost host)
{
    private long _version;

    public Guid Tenant { get; } = Guid.CreateVersion7();

    public HttpClient Reader => host.Reader(Tenant);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static string NewLabel() => $"press-{Guid.NewGuid():N}"[..20];

    public async Task<Guid> AddDeviceAsync(string? label = null, string status = "active")
    {
        var device = Guid.CreateVersion7();
        await using var insert = host.Ingestion.CreateCommand(
            "INSERT INTO devices (device_id, tenant_id, device_label, status, version) VALUES ($1, $2, $3, $4, $5)");
        foreach (var value in new object[] { device, Tenant, label ?? NewLabel(), status, ++_version })
        {
            insert.Parameters.Add(new() { Value = value });
        }

        await insert.ExecuteNonQueryAsync(Cancellation);
        return device;
    }

    /// <summary>A value that ingestion keeps as a double beside form 1 (<c>{"value": n}</c>) or 2 (with its time as <c>ts</c>).</summary>
    public Task StoreAsync(Guid device, short slot, DateTimeOffset time, short form, double value) =>
        StoreAsync(device, slot, time, form, value, DBNull.Value);

    /// <summary>Any other payload.</summary>
    public Task StoreAsync(Guid device, short slot, DateTimeOffset time, string payload) =>
        StoreAsync(device, slot, time, 0, DBNull.Value, payload);

    private async Task StoreAsync(Guid device, short slot, DateTimeOffset time, short form, object value, object payload)
    {
        await using var insert = host.Ingestion.CreateCommand(
            """
            WITH reading AS (
                INSERT INTO readings (tenant_id, device_id, slot, time, received_at, form, value, payload, bytes)
                VALUES ($1, $2, $3, $4, $4, $5, $6, $7, 1))
            INSERT INTO latest (tenant_id, device_id, slot, time, received_at, form, value, payload) VALUES ($1, $2, $3, $4, $4, $5, $6, $7)
            """);
        insert.Parameters.Add(new() { Value = Tenant });
        insert.Parameters.Add(new() { Value = device });
        insert.Parameters.Add(new() { Value = slot });
        insert.Parameters.Add(new() { Value = time });
        insert.Parameters.Add(new() { Value = form });
        insert.Parameters.Add(new() { Value = value, NpgsqlDbType = NpgsqlDbType.Double });
        insert.Parameters.Add(new() { Value = payload, NpgsqlDbType = NpgsqlDbType.Jsonb });
        await insert.ExecuteNonQueryAsync(Cancellation);
    }
}
