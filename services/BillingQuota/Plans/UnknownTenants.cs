using EasySmart.BillingQuota.Quotas;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.BillingQuota.Plans;

/// <summary>
/// Asks Identity about a tenant that has no plan here: who has just made one sets its quotas next, and the event that tells of it may still be
/// on its way.
/// </summary>
internal sealed class UnknownTenants(
    ReplicaOwner<NewTenant> identity, [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock)
{
    /// <summary>Gives it the default plan when there is such a tenant.</summary>
    /// <returns>Whether there is.</returns>
    public async Task<bool> TryGivePlanAsync(Guid tenant, string? requestId, CancellationToken cancellation)
    {
        if (await identity.FindAsync(tenant, cancellation) is not { } found)
        {
            return false;
        }

        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await GiveDefaultPlan.GiveAsync(found, new Cause(clock.GetUtcNow(), requestId), transaction, cancellation);
        await transaction.CommitAsync(cancellation);
        return true;
    }
}

internal static class UnknownTenantRoutes
{
    /// <summary>The route is run once more for a tenant that it did not find and that Identity knows; while Identity is away it answers 503.</summary>
    public static TBuilder AsksForUnknownTenants<TBuilder>(this TBuilder routes) where TBuilder : IEndpointConventionBuilder =>
        routes.AddEndpointFilter(async (context, next) =>
        {
            var (answer, http) = (await next(context), context.HttpContext);
            return answer is INestedHttpResult { Result: ProblemResult { Status: StatusCodes.Status404NotFound } }
                && await http.RequestServices.GetRequiredService<UnknownTenants>().TryGivePlanAsync(
                    TenantOf(http), http.TraceIdentifier, http.RequestAborted)
                ? await next(context)
                : answer;
        });

    // The operator's routes name the tenant, a tenant's own do not.
    private static Guid TenantOf(HttpContext http) =>
        http.Request.RouteValues["tenant_id"] is string named ? Guid.Parse(named) : TenantScope.From(http).Id;
}
