namespace EasySmart.Contracts.Identity;

/// <summary>A person has an account from now on. Published by Identity.</summary>
public sealed record UserRegistered : IntegrationEvent
{
    /// <summary>The user's tenant.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>The new user.</summary>
    public required Guid UserId { get; init; }

    /// <summary>The e-mail address that the user logs in with.</summary>
    public required string Email { get; init; }

    /// <summary>The user's role, as contract.md spells it.</summary>
    public required string Role { get; init; }
}
