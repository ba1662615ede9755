using EasySmart.Contracts.Identity;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.Notifier.Notifications;

/// <summary>Tells people of a new user.</summary>
internal sealed class NotifyUserRegistered(NotificationLog log) : IEventHandler<UserRegistered>
{
    public Task HandleAsync(UserRegistered @event, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        var message = new Message("🧾 [USUARIO] Cadastro", @event.OccurredAt)
        {
            Email = @event.Email,
            Role = @event.Role,
            UserId = @event.UserId,
            TenantId = @event.TenantId,
            RequestId = @event.RequestId,
        };
        var notification = new Notification("user_registered", "user", @event.UserId, message);
        return log.SkipAsync(@event, notification, transaction, cancellation);
    }
}
