namespace EasySmart.Contracts.BillingQuota;

/// <summary>
/// The whole new state of a tenant's plan and quotas, published by BillingQuota. Applied when <see cref="Version"/> is newer. 0 means
/// unlimited for each quota.
/// </summary>
public sealed record TenantQuotaChanged : IntegrationEvent
{
    /// <summary>The tenant.</summary>
    public required Guid TenantId { get; init; }

    /// <summary><c>starter</c>, <c>pro</c> or <c>enterprise</c>.</summary>
    public required string PlanType { get; init; }

    /// <summary><c>monthly</c> or <c>annual</c>.</summary>
    public required string BillingCycle { get; init; }

    /// <summary>Devices that the tenant may hold.</summary>
    public required int QuotaDevices { get; init; }

    /// <summary>Messages a minute, for each device.</summary>
    public required int QuotaMsgsPerMin { get; init; }

    /// <summary>Storage in MB (10⁶ bytes), for the tenant.</summary>
    public required int QuotaStorageMb { get; init; }

    /// <summary>Whether an enterprise tenant may go on past its storage quota.</summary>
    public required bool AllowOverage { get; init; }

    /// <summary>Only grows, across all tenants.</summary>
    public required long Version { get; init; }

    /// <summary>Days for which readings are kept; null from a publisher that does not know of it.</summary>
    public int? RetentionDays { get; init; }

    /// <summary>Whether the storage quota is used up and nothing more may be stored; null from a publisher that does not know of it.</summary>
    public bool? StorageBlocked { get; init; }

    /// <summary>Bytes of payload stored, as of this state; null from a publisher that does not know of it.</summary>
    public long? StorageBytes { get; init; }
}
