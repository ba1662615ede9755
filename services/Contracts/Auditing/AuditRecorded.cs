using System.Text.Json;

namespace EasySmart.Contracts.Auditing;

/// <summary>Something worth keeping for the audit, from any service; Identity stores it. The fields are contract.md §4's.</summary>
public sealed record AuditRecorded : IntegrationEvent
{
    /// <summary>The tenant that it concerns; null for the platform itself.</summary>
    public Guid? TenantId { get; init; }

    /// <summary>The user that it concerns.</summary>
    public Guid? UserId { get; init; }

    /// <summary>The device that it concerns.</summary>
    public Guid? DeviceId { get; init; }

    /// <summary>What happened, such as <c>auth.login</c>.</summary>
    public required string EventType { get; init; }

    /// <summary>The part of the product: <c>auth</c>, <c>device</c>, <c>billing</c>, <c>ops</c>, …</summary>
    public required string EventCategory { get; init; }

    /// <summary><c>info</c>, <c>warning</c> or <c>critical</c>.</summary>
    public string Severity { get; init; } = "info";

    /// <summary>Who acted: <c>user</c>, <c>api_key</c>, <c>device</c>, <c>system</c> or <c>anonymous</c>.</summary>
    public required string ActorType { get; init; }

    /// <summary>The actor's id, in text form.</summary>
    public string? ActorId { get; init; }

    /// <summary>The kind of thing acted upon.</summary>
    public string? ResourceType { get; init; }

    /// <summary>Its id, in text form.</summary>
    public string? ResourceId { get; init; }

    /// <summary>The verb: <c>create</c>, <c>login</c>, <c>telegram_notify</c>, …</summary>
    public required string Action { get; init; }

    /// <summary><c>success</c>, <c>failed</c>, <c>denied</c> or <c>skipped</c>.</summary>
    public required string Result { get; init; }

    /// <summary>The client's address.</summary>
    public string? IpAddress { get; init; }

    /// <summary>The client's <c>User-Agent</c>.</summary>
    public string? UserAgent { get; init; }

    /// <summary>
    /// Anything else; never a secret. What tells who a person is belongs under a key of its own on the first level that is, or ends in
    /// <c>_</c> and, one of <c>email</c>, <c>phone</c>, <c>full_name</c>, <c>ip_address</c>, <c>user_agent</c>: that can be erased
    /// later, as what holds an e-mail address is under whatever key.
    /// </summary>
    public JsonElement? Metadata { get; init; }
}
