using System.Text.Json;
using EasySmart.Contracts.Auditing;

namespace EasySmart.ServiceDefaults.Auth;

/// <summary>Audit records of what a caller did.</summary>
public static class CallerAudit
{
    /// <summary>A record with everything that the caller tells about itself; the rest with <c>with { … }</c>.</summary>
    /// <param name="caller">Who acted.</param>
    /// <param name="clock">Gives the time.</param>
    /// <param name="eventType">Such as <c>device.provisioned</c>; its first word is the category.</param>
    /// <param name="action">The verb.</param>
    /// <param name="result"><c>success</c>, <c>failed</c> or <c>denied</c>.</param>
    /// <param name="metadata">Anything else; never a secret.</param>
    public static AuditRecorded Audit(
        this Caller caller, TimeProvider clock, string eventType, string action, string result = "success", object? metadata = null) => new()
        {
            OccurredAt = clock.GetUtcNow(),
            RequestId = caller.RequestId,
            TenantId = caller.TenantId,
            UserId = caller.Kind == CallerKind.User ? caller.Id : null,
            EventType = eventType,
            EventCategory = eventType.Split('.')[0],
            ActorType = caller.Kind == CallerKind.ApiKey ? "api_key" : caller.Kind.ToString().ToLowerInvariant(),
            ActorId = caller.Id?.ToString(),
            Action = action,
            Result = result,
            IpAddress = caller.ClientIp,
            UserAgent = caller.UserAgent,
            Metadata = metadata is null ? null : JsonSerializer.SerializeToElement(metadata, Json.Options),
        };
}
