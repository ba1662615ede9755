using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.BillingQuota.Plans;

/// <summary><c>GET /plans</c>: the plans that there are, the smallest first.</summary>
internal static class ListPlans
{
    public static async Task<Ok<List<PlanView>>> HandleAsync(SystemContext<BillingDb> db, CancellationToken cancellation)
    {
        // There are three.
        var plans = await db.Value.Plans.AsNoTracking().ToListAsync(cancellation);
        string[] order = [PlanTerms.Starter, PlanTerms.Pro, PlanTerms.Enterprise];
        return TypedResults.Ok(plans.OrderBy(plan => Array.IndexOf(order, plan.PlanType)).Select(PlanView.Of).ToList());
    }
}
