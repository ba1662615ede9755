using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.Notifier.Notifications;

/// <summary>Tells people that a tenant got a device, by provision or by claim.</summary>
internal sealed class NotifyDeviceRegistered(NotificationLog log) : IEventHandler<DeviceRegistered>
{
    public Task HandleAsync(DeviceRegistered @event, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        var message = new Message("📟 [DEVICE] Cadastro", @event.OccurredAt)
        {
            UserId = @event.UserId,
            TenantId = @event.TenantId,
            UserEmail = @event.UserEmail,
            DeviceId = @event.DeviceId,
            DeviceLabel = @event.DeviceLabel,
            Source = @event.Source,
            // Spelt as contract.md spells it: each status is one word.
            Status = @event.Status.ToString().ToLowerInvariant(),
            RequestId = @event.RequestId,
        };
        var notification = new Notification("device_created", "device", @event.DeviceId, message);
        return log.SkipAsync(@event, notification, transaction, cancellation);
    }
}
