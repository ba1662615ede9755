using EasySmart.Contracts.BillingQuota;

namespace EasySmart.BillingQuota.Plans;

/// <summary>What a tenant may use. 0 means unlimited for each quota.</summary>
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

    /// <summary>From one sequence for all tenants; a new one at every change.</summary>
    public long Version { get; set; }

    public DateTimeOffset UpdatedAt { get; set; }

    /// <summary>What a new tenant begins with.</summary>
    public static TenantPlan Default(Guid tenant, DateTimeOffset now) => new()
    {
        TenantId = tenant,
        PlanType = "starter",
        BillingCycle = "monthly",
        QuotaDevices = 0,
        QuotaMsgsPerMin = 360,
        QuotaStorageMb = 1000,
        AllowOverage = false,
        RetentionDays = 90,
        UpdatedAt = now,
    };

    /// <summary>The event that carries this state to whoever enforces it.</summary>
    public TenantQuotaChanged Changed(string? requestId) => new()
    {
        OccurredAt = UpdatedAt,
        RequestId = requestId,
        TenantId = TenantId,
        PlanType = PlanType,
        BillingCycle = BillingCycle,
        QuotaDevices = QuotaDevices,
        QuotaMsgsPerMin = QuotaMsgsPerMin,
        QuotaStorageMb = QuotaStorageMb,
        AllowOverage = AllowOverage,
        RetentionDays = RetentionDays,
        Version = Version,
    };
}
