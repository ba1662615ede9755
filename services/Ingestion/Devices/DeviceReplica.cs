using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Ingestion.Devices;

/// <summary>The table <c>devices</c>: what this service and telemetry-query know of another service's devices.</summary>
internal sealed class DeviceReplica([FromKeyedServices(DataSources.System)] NpgsqlDataSource database)
{
    /// <summary>Every instance listens here. The notice says only that there is something newer.</summary>
    public const string Channel = "devices";

    // A row is stamped when its transaction begins and seen when it ends: what a slow one wrote must not be overlooked.
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);

    /// <summary>Writes what is newer than what is there, and tells every instance.</summary>
    public static async Task WriteAsync(IReadOnlyList<OwnedDevice> devices, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            $"""
            WITH written AS (
                INSERT INTO devices AS known (device_id, tenant_id, device_label, status, version)
                SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[]) ORDER BY 1
                ON CONFLICT (device_id) DO UPDATE SET tenant_id = excluded.tenant_id, device_label = excluded.device_label,
                    status = excluded.status, version = excluded.version, applied_at = now()
                WHERE known.version < excluded.version
                RETURNING 1)
            SELECT pg_notify('{Channel}', '') FROM written LIMIT 1
            """,
            transaction.Connection,
            transaction);
        command.Parameters.Add(new() { Value = devices.Select(d => d.DeviceId).ToArray() });
        command.Parameters.Add(new() { Value = devices.Select(d => d.TenantId).ToArray() });
        command.Parameters.Add(new() { Value = devices.Select(d => d.DeviceLabel).ToArray() });
        command.Parameters.Add(new() { Value = devices.Select(d => d.Status.ToString().ToLowerInvariant()).ToArray() });
        command.Parameters.Add(new() { Value = devices.Select(d => d.Version).ToArray() });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Writes a page of the owner's snapshot.</summary>
    public async Task WriteAsync(IReadOnlyList<OwnedDevice> devices, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await WriteAsync(devices, transaction, cancellation);
        await transaction.CommitAsync(cancellation);
    }

    /// <summary>Hands the rows applied since <paramref name="since"/>, and some before, to <paramref name="apply"/>; all of them at first.</summary>
    /// <returns>The database's time, for the next call.</returns>
    public static async Task<DateTime> ReadAsync(
        NpgsqlConnection connection, DateTime? since, Action<KnownDevice> apply, CancellationToken cancellation)
    {
        // The last row tells the time, also when there is no device.
        await using var command = new NpgsqlCommand(
            """
            SELECT device_id, tenant_id, status, version, now() FROM devices WHERE applied_at >= $1
            UNION ALL SELECT NULL, NULL, NULL, NULL, now()
            """,
            connection);
        command.Parameters.Add(new() { Value = since - Margin ?? DateTime.UnixEpoch });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var now = DateTime.UnixEpoch;
        while (await reader.ReadAsync(cancellation))
        {
            now = reader.GetDateTime(4);
            if (!reader.IsDBNull(0))
            {
                apply(new KnownDevice(
                    reader.GetGuid(0),
                    reader.IsDBNull(1) ? null : reader.GetGuid(1),
                    Enum.Parse<DeviceStatus>(reader.GetString(2), ignoreCase: true),
                    reader.GetInt64(3)));
            }
        }

        return now;
    }

}
