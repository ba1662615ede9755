namespace EasySmart.Contracts.Identity;

/// <summary>A tenant exists from now on. Published by Identity, once for each tenant.</summary>
public sealed record TenantCreated : IntegrationEvent
{
    /// <summary>The new tenant.</summary>
    public required Guid TenantId { get; init; }
}
