using System.ComponentModel.DataAnnotations;
using System.Linq.Expressions;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.BillingQuota.Plans;

/// <summary>
/// <c>GET /internal/quotas?after=&amp;limit=</c>: a page of every tenant's newest state, by version, from which a replica starts. A version
/// that commits after a higher one was read is not lost to the replica: its event comes as well.
/// </summary>
internal static class ListQuotas
{
    private const int Most = 1000;

    public static async Task<Ok<List<VersionedQuotas>>> HandleAsync(
        SystemContext<BillingDb> db, CancellationToken cancellation, long after = 0, [Range(1, Most)] int limit = Most) =>
        TypedResults.Ok(await db.Value.TenantPlans.Where(plan => plan.Version > after).OrderBy(plan => plan.Version).Take(limit)
            .Select(VersionedQuotas.Of(db.Value))
            .ToListAsync(cancellation));
}

/// <summary>The state that <c>TenantQuotaChanged</c> carries, as a snapshot tells it.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="PlanType"><c>starter</c>, <c>pro</c> or <c>enterprise</c>.</param>
/// <param name="BillingCycle"><c>monthly</c> or <c>annual</c>.</param>
/// <param name="QuotaDevices">Devices that it may hold.</param>
/// <param name="QuotaMsgsPerMin">Messages a minute, for each device.</param>
/// <param name="QuotaStorageMb">Storage in MB (10⁶ bytes).</param>
/// <param name="AllowOverage">Whether an enterprise tenant may go on past its storage quota.</param>
/// <param name="RetentionDays">Days for which readings are kept; 0 means without end.</param>
/// <param name="StorageBlocked">Whether the storage quota is used up and nothing more may be stored.</param>
/// <param name="StorageBytes">Bytes of payload stored.</param>
/// <param name="Version">Applied by a replica when newer than its own.</param>
public sealed record VersionedQuotas(
    Guid TenantId, string PlanType, string BillingCycle, int QuotaDevices, int QuotaMsgsPerMin, int QuotaStorageMb, bool AllowOverage,
    int RetentionDays, bool StorageBlocked, long StorageBytes, long Version)
{
    internal static Expression<Func<TenantPlan, VersionedQuotas>> Of(BillingDb db) => plan => new VersionedQuotas(
        plan.TenantId, plan.PlanType, plan.BillingCycle, plan.QuotaDevices, plan.QuotaMsgsPerMin, plan.QuotaStorageMb, plan.AllowOverage,
        plan.RetentionDays, plan.StorageBlocked,
        db.StoredBytes.Where(stored => stored.TenantId == plan.TenantId).Select(stored => stored.Bytes).SingleOrDefault(), plan.Version);
}
