namespace EasySmart.BillingQuota.Plans;

/// <summary>
/// What a tenant may use, as it is in force: its plan's, but for what it has of its own. 0 means unlimited for each quota.
/// </summary>
internal sealed class TenantPlan
{
    public required Guid TenantId { get; init; }

    public required string PlanType { get; set; }

    public required string BillingCycle { get; set; }

    public required int QuotaDevices { get; set; }

    public required int QuotaMsgsPerMin { get; set; }

    public required int QuotaStorageMb { get; set; }

    public required bool AllowOverage { get; set; }

    public required int RetentionDays { get; set; }

    public int? OwnQuotaDevices { get; set; }

    public int? OwnQuotaMsgsPerMin { get; set; }

    public int? OwnQuotaStorageMb { get; set; }

    public bool? OwnAllowOverage { get; set; }

    public int? OwnRetentionDays { get; set; }

    /// <summary>Whether the storage quota is used up and nothing more may be stored.</summary>
    public bool StorageBlocked { get; init; }

    /// <summary>From one sequence for all tenants; a new one at every change.</summary>
    public long Version { get; init; }

    /// <summary>Puts in force what the plan says, but for what is the tenant's own.</summary>
    public void Follow(Plan plan)
    {
        QuotaDevices = OwnQuotaDevices ?? plan.QuotaDevices;
        QuotaMsgsPerMin = OwnQuotaMsgsPerMin ?? plan.QuotaMsgsPerMin;
        QuotaStorageMb = OwnQuotaStorageMb ?? plan.QuotaStorageMb;
        AllowOverage = OwnAllowOverage ?? plan.AllowOverage;
        RetentionDays = OwnRetentionDays ?? plan.RetentionDays;
    }
}
