using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.BillingQuota.Plans;

/// <summary><c>GET /internal/quotas/{tenant_id}</c>: for a sister service that is asked about a tenant before the event has told its quotas.</summary>
internal static class GetQuotaState
{
    public static async Task<Results<Ok<VersionedQuotas>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "tenant_id")] Guid tenantId, SystemContext<BillingDb> db, CancellationToken cancellation) =>
        await db.Value.TenantPlans.Where(plan => plan.TenantId == tenantId).Select(VersionedQuotas.Of(db.Value)).SingleOrDefaultAsync(cancellation) is { } state
            ? TypedResults.Ok(state)
            : Problem.NotFound("Tenant not found");
}
