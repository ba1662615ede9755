using EasySmart.Contracts.BillingQuota;
using EasySmart.Contracts.Quotas;

namespace EasySmart.BillingQuota.Quotas;

/// <summary>What is in force for a tenant, what it uses of it, and what was said of that last.</summary>
internal sealed record TenantUse(
    Guid TenantId,
    string PlanType,
    string BillingCycle,
    int QuotaDevices,
    int QuotaMsgsPerMin,
    int QuotaStorageMb,
    bool AllowOverage,
    int RetentionDays,
    bool WasBlocked,
    long StorageBytes,
    int StorageLevel,
    int DevicesLevel,
    long Devices)
{
    /// <summary>Whether nothing more may be stored.</summary>
    public bool IsBlocked => TenantStorage.IsBlocked(PlanType, AllowOverage, QuotaStorageMb, StorageBytes);

    /// <summary>Where the level of a quota is another than before.</summary>
    public IEnumerable<Crossing> Crossings(bool countDevices)
    {
        var stored = QuotaLevel.Next(StorageLevel, StorageBytes, QuotaStorageMb * TenantStorage.BytesPerMb);
        if (stored != StorageLevel)
        {
            var overage = stored == QuotaLevel.Full && !IsBlocked;
            yield return new(TenantId, QuotaLimits.StorageMb, StorageLevel, stored, QuotaStorageMb, StorageBytes / TenantStorage.BytesPerMb, overage);
        }

        if (countDevices && QuotaLevel.Next(DevicesLevel, Devices, QuotaDevices) is var held && held != DevicesLevel)
        {
            yield return new(TenantId, QuotaLimits.Devices, DevicesLevel, held, QuotaDevices, Devices, Overage: false);
        }
    }

    /// <summary>The event that carries this state to whoever enforces it.</summary>
    public TenantQuotaChanged Changed(long version, Cause cause) => new()
    {
        OccurredAt = cause.At,
        RequestId = cause.RequestId,
        TenantId = TenantId,
        PlanType = PlanType,
        BillingCycle = BillingCycle,
        QuotaDevices = QuotaDevices,
        QuotaMsgsPerMin = QuotaMsgsPerMin,
        QuotaStorageMb = QuotaStorageMb,
        AllowOverage = AllowOverage,
        RetentionDays = RetentionDays,
        StorageBlocked = IsBlocked,
        StorageBytes = StorageBytes,
        Version = version,
    };
}
