using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.Ingestion.Devices;

/// <summary>Keeps the replica of the devices, and through it every instance's directory.</summary>
internal sealed class ApplyDeviceChange : IEventHandler<DeviceChanged>
{
    public Task HandleAsync(DeviceChanged @event, NpgsqlTransaction transaction, CancellationToken cancellation) => DeviceReplica.WriteAsync(
        [new OwnedDevice(@event.DeviceId, @event.TenantId, @event.DeviceLabel, @event.Status, @event.Version)], transaction, cancellation);
}
