using EasySmart.BillingQuota.Quotas;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.BillingQuota.Devices;

/// <summary>A device as DeviceProvisioning answers it.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="TenantId">Whose it is; null for nobody's.</param>
/// <param name="Version">Only grows, across all devices.</param>
internal sealed record DeviceState(Guid DeviceId, Guid? TenantId, long Version);

/// <summary>
/// Keeps the replica of the devices: the newer version wins, in whatever order they come. How many a tenant holds is compared with its quota.
/// </summary>
internal sealed class ApplyDevice(TimeProvider clock) : IEventHandler<DeviceChanged>
{
    /// <summary>How it is filled from DeviceProvisioning.</summary>
    public static Replica<DeviceState> Replica { get; } = new(
        "devices", "services:device-provisioning:http:0", "/internal/devices", "0", d => $"{d.Version}", ApplyAsync);

    public async Task HandleAsync(DeviceChanged @event, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        var held = await HeldAsync(@event.DeviceId, transaction, cancellation);
        await ApplyAsync(new DeviceState(@event.DeviceId, @event.TenantId, @event.Version), transaction, cancellation);
        Guid[] tenants = [.. new[] { held, @event.TenantId }.OfType<Guid>().Distinct()];
        if (tenants.Length > 0)
        {
            await QuotaReview.LockAsync(transaction, tenants, cancellation);
            await QuotaReview.RunAsync(transaction, tenants, new Cause(clock.GetUtcNow(), @event.RequestId, CountDevices: true), cancellation);
        }
    }

    /// <summary>Whose it was, who loses it; read before the tenants' locks, and theirs is what is counted under.</summary>
    private static async Task<Guid?> HeldAsync(Guid device, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var read = new NpgsqlBatch(transaction.Connection, transaction)
        {
            BatchCommands =
            {
                // Of a new device there is no row to lock, and two events at once would both find that it was nobody's. Versions begin with 1.
                new("INSERT INTO devices (device_id, version) VALUES ($1, 0) ON CONFLICT DO NOTHING") { Parameters = { new() { Value = device } } },
                new("SELECT tenant_id FROM devices WHERE device_id = $1 FOR UPDATE") { Parameters = { new() { Value = device } } },
            },
        };
        return await read.ExecuteScalarAsync(cancellation) as Guid?;
    }

    private static async Task ApplyAsync(DeviceState device, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var upsert = new NpgsqlCommand(
            """
            INSERT INTO devices AS held (device_id, tenant_id, version) VALUES ($1, $2, $3)
            ON CONFLICT (device_id) DO UPDATE SET tenant_id = excluded.tenant_id, version = excluded.version
                WHERE held.version < excluded.version
            """,
            transaction.Connection,
            transaction)
        {
            Parameters =
            {
                new() { Value = device.DeviceId },
                new() { Value = (object?)device.TenantId ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Uuid },
                new() { Value = device.Version },
            },
        };
        await upsert.ExecuteNonQueryAsync(cancellation);
    }
}
