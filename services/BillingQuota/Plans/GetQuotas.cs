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
        var plan = await db.TenantPlans.AsNoTracking().SingleOrDefaultAsync(plan => plan.TenantId == tenantId, cancellation);
        return plan is null ? Problem.NotFound("Tenant not found") : TypedResults.Ok(TenantQuotas.Of(plan));
    }
}

/// <summary>What a tenant may use. 0 means unlimited for each quota.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="PlanType"><c>starter</c>, <c>pro</c> or <c>enterprise</c>. <example>starter</example></param>
/// <param name="BillingCycle"><c>monthly</c> or <c>annual</c>. <example>monthly</example></param>
/// <param name="QuotaDevices">Devices that it may hold. <example>50</example></param>
/// <param name="QuotaMsgsPerMin">Messages a minute, for each device. <example>360</example></param>
/// <param name="QuotaStorageMb">Storage in MB (10⁶ bytes). <example>1000</example></param>
/// <param name="AllowOverage">Whether an enterprise tenant may go on past its storage quota.</param>
public sealed record TenantQuotas(
    Guid TenantId, string PlanType, string BillingCycle, int QuotaDevices, int QuotaMsgsPerMin, int QuotaStorageMb, bool AllowOverage)
{
    internal static TenantQuotas Of(TenantPlan plan) => new(
        plan.TenantId, plan.PlanType, plan.BillingCycle, plan.QuotaDevices, plan.QuotaMsgsPerMin, plan.QuotaStorageMb, plan.AllowOverage);
}
