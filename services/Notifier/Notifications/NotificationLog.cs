using System.Text.Json;
using EasySmart.Contracts;
using EasySmart.Contracts.Auditing;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.Notifier.Notifications;

/// <summary>What people are to be told.</summary>
/// <param name="Kind">The word in the audit's <c>ops.{kind}_notified</c>.</param>
/// <param name="ResourceType">The kind of thing that it is about.</param>
/// <param name="ResourceId">Which one.</param>
/// <param name="Message">The words.</param>
internal sealed record Notification(string Kind, string ResourceType, Guid ResourceId, Message Message);

/// <summary>Records notifications, each with its audit record in the same commit. There is no bot yet, so each is skipped, and says why.</summary>
internal sealed class NotificationLog(TimeZoneInfo zone, TimeProvider clock)
{
    private const string Skipped = "skipped";
    private const string Reason = "no bot configured";

    // The inbox drops a repeated delivery; the key catches one that comes when the inbox has forgotten.
    private const string Insert =
        """
        INSERT INTO notifications (event_id, kind, tenant_id, result, reason, text, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (event_id) DO NOTHING
        """;

    public async Task SkipAsync(IntegrationEvent @event, Notification notification, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        var message = notification.Message;
        var now = clock.GetUtcNow();
        await using var insert = new NpgsqlCommand(Insert, transaction.Connection, transaction);
        foreach (var value in new object?[] { @event.EventId, notification.Kind, message.TenantId, Skipped, Reason, message.Text(zone), now })
        {
            insert.Parameters.Add(new() { Value = value ?? DBNull.Value });
        }

        if (await insert.ExecuteNonQueryAsync(cancellation) == 0)
        {
            return;
        }

        var audit = new AuditRecorded
        {
            OccurredAt = now,
            RequestId = @event.RequestId,
            TenantId = message.TenantId,
            UserId = message.UserId,
            DeviceId = message.DeviceId,
            EventType = $"ops.{notification.Kind}_notified",
            EventCategory = "ops",
            ActorType = "system",
            ActorId = "notifier",
            ResourceType = notification.ResourceType,
            ResourceId = notification.ResourceId.ToString(),
            Action = "telegram_notify",
            Result = Skipped,
            Metadata = JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["reason"] = Reason, ["event_id"] = @event.EventId.ToString() }),
        };
        await transaction.PublishAsync(audit, notification.ResourceId.ToString(), cancellation);
    }
}
