namespace EasySmart.Contracts.Identity;

/// <summary>The whole new state of a tenant that was suspended, reactivated or renamed, published by Identity. Applied when <see cref="Version"/> is newer.</summary>
public sealed record TenantStatusChanged : IntegrationEvent
{
    /// <summary>The tenant.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>What people call it.</summary>
    public required string Name { get; init; }

    /// <summary><c>active</c>, <c>suspended</c> or <c>deleted</c>. Only an active tenant's users and devices may act.</summary>
    public required string Status { get; init; }

    /// <summary>Only grows, for each tenant.</summary>
    public required long Version { get; init; }
}
