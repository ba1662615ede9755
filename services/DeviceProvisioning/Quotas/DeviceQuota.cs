using EasySmart.ServiceDefaults.Errors;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Quotas;

/// <summary>How many devices a tenant's plan lets it hold.</summary>
public static class DeviceQuota
{
    public const int RetryAfterSeconds = 3600;

    // Any constant: the first half of the key of this service's locks on tenants.
    private const int LockClass = 0x44657651;

    /// <summary>
    /// What a refusal says when the tenant may have no further device; null when it may. Within the caller's transaction, which keeps the
    /// tenant's others waiting until it ends, so that any number at once stay exactly within the quota.
    /// </summary>
    public static async Task<LimitDetails?> ReachedAsync(DevicesDb db, Guid tenant, CancellationToken cancellation)
    {
        // A tenant whose quotas could not be learnt gets the benefit of the doubt: the default is unlimited.
        var max = await db.TenantQuotas.Where(q => q.TenantId == tenant).Select(q => q.QuotaDevices).SingleOrDefaultAsync(cancellation);
        if (max == 0)
        {
            return null;
        }

        var name = tenant.ToString();
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({LockClass}, hashtext({name}))", cancellation);
        // Counted in a statement of its own, so that it sees what was committed while the lock was waited for.
        var used = await db.Devices.CountAsync(d => d.TenantId == tenant, cancellation);
        return used < max ? null : new LimitDetails("devices", max, used, WindowSeconds: 0);
    }
}
