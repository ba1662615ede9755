using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.HttpResults;

namespace EasySmart.TelemetryQuery.Limits;

/// <summary>
/// <c>GET /telemetry/limits</c>: every limit on the queries that the caller's tenant may have under way at once, how many it has now, and what
/// happens at it. Each instance counts for itself, and the one that answers tells of itself. The call counts against none of them: it also answers
/// a tenant that is at its limit.
/// </summary>
internal static class GetQueryLimits
{
    public static Ok<QueryLimitsNow> Handle(TenantScope tenant, QueryLimits limits, HeavyReads heavy) =>
        TypedResults.Ok(new QueryLimitsNow(tenant.Id, [.. limits.Show(tenant.Id), heavy.ShowAggregates(tenant.Id)]));
}

/// <summary>Every limit on a tenant's queries, on the instance that answers.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="Limits">
/// <c>concurrent_queries</c>, <c>concurrent_exports</c>, <c>concurrent_streams</c> and <c>aggregates_from_readings</c>; of the last, <c>resets_at</c>
/// is when the tenant has rested.
/// </param>
public sealed record QueryLimitsNow(Guid TenantId, IReadOnlyList<LimitView> Limits);
