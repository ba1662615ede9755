namespace EasySmart.DeviceProvisioning.Quotas;

/// <summary>What BillingQuota last said that a tenant may hold.</summary>
public sealed class TenantQuota
{
    public required Guid TenantId { get; init; }

    /// <summary><c>starter</c>, <c>pro</c> or <c>enterprise</c>.</summary>
    public required string PlanType { get; init; }

    /// <summary>0 means unlimited.</summary>
    public required int QuotaDevices { get; init; }

    public required long Version { get; init; }
}
