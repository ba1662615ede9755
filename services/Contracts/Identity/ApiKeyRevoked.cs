namespace EasySmart.Contracts.Identity;

/// <summary>An API key passes no longer. Published by Identity; the gateways do not wait for it, they read the revocation feed.</summary>
public sealed record ApiKeyRevoked : IntegrationEvent
{
    /// <summary>The key's tenant; null for a platform-wide key.</summary>
    public Guid? TenantId { get; init; }

    /// <summary>The key.</summary>
    public required Guid ApiKeyId { get; init; }
}
