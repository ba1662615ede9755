namespace EasySmart.Contracts.Identity;

/// <summary>The whole new state of a user whose role or status changed, published by Identity. Applied when <see cref="Version"/> is newer.</summary>
public sealed record UserStatusChanged : IntegrationEvent
{
    /// <summary>The user's tenant; null for a super-admin.</summary>
    public Guid? TenantId { get; init; }

    /// <summary>The user.</summary>
    public required Guid UserId { get; init; }

    /// <summary>The user's role, as contract.md spells it.</summary>
    public required string Role { get; init; }

    /// <summary><c>active</c>, <c>suspended</c> or <c>deleted</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Only grows, for each user.</summary>
    public required long Version { get; init; }
}
