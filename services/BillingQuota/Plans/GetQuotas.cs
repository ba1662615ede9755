using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.BillingQuota.Plans;

/// <summary><c>GET /tenants/{tenant_id}/quotas</c>: what a tenant may use.</summary>
internal static class GetQuotas
{
    public static async Task<Results<Ok<TenantQuotas>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "tenant_id")] Guid tenantId, BillingDb db, CancellationToken cancellation)
    {
        // The operator sees every tenant, but only one at a time: a query gone wrong still cannot mix them.
        await using var transaction = await db.Database.BeginTenantAsync(tenantId, cancellation);
        var quotas = await db.TenantPlans.Where(plan => plan.TenantId == tenantId)
            .Select(plan => new TenantQuotas(
                plan.TenantId, plan.PlanType, plan.BillingCycle, plan.QuotaDevices, plan.QuotaMsgsPerMin, plan.QuotaStorageMb, plan.AllowOverage))
            .SingleOrDefaultAsync(cancellation);
        return quotas is null ? Problem.NotFound("Tenant not found") : TypedResults.Ok(quotas);
    }
}

/// <summary>What a tenant may use. 0 means unlimited for each quota.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="PlanType"><c>starter</c>, <c>pro</c> or <c>enterprise</c>.</param>
/// <param name="BillingCycle"><c>monthly</c> or <c>annual</c>.</param>
/// <param name="QuotaDevices">Devices that it may hold.</param>
/// <param name="QuotaMsgsPerMin">Messages a minute, for each device.</param>
/// <param name="QuotaStorageMb">Storage in MB (10⁶ bytes).</param>
/// <param name="AllowOverage">Whether an enterprise tenant may go on past its storage quota.</param>
public sealed record TenantQuotas(
    Guid TenantId, string PlanType, string BillingCycle, int QuotaDevices, int QuotaMsgsPerMin, int QuotaStorageMb, bool AllowOverage);
