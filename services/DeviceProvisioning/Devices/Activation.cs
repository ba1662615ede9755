using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>A claimed device becomes active the first time it is seen, whoever saw it first: the broker or ingestion.</summary>
public static class Activation
{
    /// <summary>Makes those of <paramref name="devices"/> active that are claimed, and says so; does nothing about the others.</summary>
    public static async Task ApplyAsync(
        NpgsqlTransaction transaction, Guid[] devices, DateTimeOffset at, string? address, CancellationToken cancellation)
    {
        foreach (var changed in await UpdateAsync(transaction, devices, at, cancellation))
        {
            var key = changed.DeviceId.ToString();
            await transaction.PublishAsync(changed, key, cancellation);
            await transaction.PublishAsync(
                DeviceChanges.ByItself(changed.DeviceId, changed.TenantId, at, "device.activated", "activate", address), key, cancellation);
        }
    }

    private static async Task<List<DeviceChanged>> UpdateAsync(
        NpgsqlTransaction transaction, Guid[] devices, DateTimeOffset at, CancellationToken cancellation)
    {
        await using var update = new NpgsqlCommand(
            """
            UPDATE devices SET status = 'active', activated_at = coalesce(activated_at, $2), version = nextval('device_version')
            WHERE id = ANY($1) AND status = 'claimed'
            RETURNING id, tenant_id, device_label, version
            """,
            transaction.Connection,
            transaction);
        update.Parameters.Add(new() { Value = devices });
        update.Parameters.Add(new() { Value = at.ToUniversalTime() });
        await using var reader = await update.ExecuteReaderAsync(cancellation);
        var changed = new List<DeviceChanged>();
        while (await reader.ReadAsync(cancellation))
        {
            changed.Add(new DeviceChanged
            {
                OccurredAt = at,
                DeviceId = reader.GetGuid(0),
                TenantId = reader.GetGuid(1),
                DeviceLabel = await reader.IsDBNullAsync(2, cancellation) ? null : reader.GetString(2),
                Status = DeviceStatus.Active,
                Version = reader.GetInt64(3),
            });
        }

        return changed;
    }
}
