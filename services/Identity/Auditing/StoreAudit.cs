using EasySmart.Contracts.Auditing;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.Identity.Auditing;

/// <summary>
/// Keeps every service's audit records. A trigger of the table chains each one to the one before it, sets personal data apart, and drops a
/// repeated delivery that the inbox forgot.
/// </summary>
internal sealed class StoreAudit : IEventHandler<AuditRecorded>
{
    private const string Insert =
        """
        INSERT INTO audit (event_id, tenant_id, user_id, device_id, event_type, event_category, severity, actor_type, actor_id,
                           resource_type, resource_id, action, result, ip_address, user_agent, request_id, metadata, timestamp)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17::jsonb, $18)
        """;

    public async Task HandleAsync(AuditRecorded @event, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(Insert, transaction.Connection, transaction);
        foreach (var value in Values(@event))
        {
            command.Parameters.Add(new() { Value = value ?? DBNull.Value });
        }

        await command.ExecuteNonQueryAsync(cancellation);
    }

    private static object?[] Values(AuditRecorded e) =>
    [
        e.EventId, e.TenantId, e.UserId, e.DeviceId, e.EventType, e.EventCategory, e.Severity, e.ActorType, e.ActorId,
        e.ResourceType, e.ResourceId, e.Action, e.Result, e.IpAddress, e.UserAgent, e.RequestId, e.Metadata?.GetRawText(),
        e.OccurredAt.ToUniversalTime(),
    ];
}
