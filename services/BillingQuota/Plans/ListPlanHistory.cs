using System.ComponentModel.DataAnnotations;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.BillingQuota.Plans;

/// <summary><c>GET /plans/{plan_type}/history</c>: every state of a plan, the present one first.</summary>
internal static class ListPlanHistory
{
    /// <param name="planType">Which plan. <example>pro</example></param>
    /// <param name="db">For work on no tenant's behalf.</param>
    /// <param name="response">Gets the link to the next page.</param>
    /// <param name="cancellation">The client has gone.</param>
    /// <param name="cursor">Where the page begins: the <c>cursor</c> of the last answer's <c>Link</c>. <example>7</example></param>
    /// <param name="limit">Most states that the answer holds. <example>100</example></param>
    public static async Task<Results<Ok<List<PlanStateView>>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "plan_type")] string planType, SystemContext<BillingDb> db, HttpResponse response, CancellationToken cancellation,
        int? cursor = null, [Range(1, 1000)] int limit = 100)
    {
        if (!await db.Value.Plans.AnyAsync(plan => plan.PlanType == planType, cancellation))
        {
            return Problem.NotFound(GetPlan.NotFound);
        }

        var states = await db.Value.PlanStates.AsNoTracking().Where(state => state.PlanType == planType && (cursor == null || state.Version < cursor))
            .OrderByDescending(state => state.Version).Take(limit + 1).ToListAsync(cancellation);
        Paging.Cut(states, limit, response, state => $"{state.Version}");
        return TypedResults.Ok(states.ConvertAll(state => new PlanStateView(state.UpdatedAt, state.ChangedBy, PlanView.Of(state))));
    }
}

/// <summary>A plan as it was from a time on.</summary>
/// <param name="ChangedAt">Since when.</param>
/// <param name="ChangedBy">The user who made it so; null for what came with the product.</param>
/// <param name="Plan">What it allowed, promised and cost.</param>
public sealed record PlanStateView(DateTimeOffset ChangedAt, Guid? ChangedBy, PlanView Plan);
