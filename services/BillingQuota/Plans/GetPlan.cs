using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.BillingQuota.Plans;

/// <summary><c>GET /plans/{plan_type}</c>: one plan.</summary>
internal static class GetPlan
{
    public const string NotFound = "Plan not found";

    /// <param name="planType">Which plan. <example>pro</example></param>
    /// <param name="db">For work on no tenant's behalf.</param>
    /// <param name="cancellation">The client has gone.</param>
    public static async Task<Results<Ok<PlanView>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "plan_type")] string planType, SystemContext<BillingDb> db, CancellationToken cancellation) =>
        await db.Value.Plans.AsNoTracking().SingleOrDefaultAsync(plan => plan.PlanType == planType, cancellation) is { } plan
            ? TypedResults.Ok(PlanView.Of(plan))
            : Problem.NotFound(NotFound);
}
