using System.Net;
using EasySmart.BillingQuota.Quotas;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.BillingQuota.Plans;

/// <summary>
/// Asks Identity about a tenant that has no plan here: who has just made one sets its quotas next, and the event that tells of it may still be
/// on its way.
/// </summary>
internal sealed class UnknownTenants(
    IHttpClientFactory clients, IConfiguration configuration, [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    /// <summary>Gives it the default plan when there is such a tenant.</summary>
    /// <returns>Whether there is.</returns>
    public async Task<bool> TryGivePlanAsync(Guid tenant, string? requestId, CancellationToken cancellation)
    {
        if (configuration[GiveDefaultPlan.AddressKey] is not { Length: > 0 } address || await FindAsync(new Uri(address), tenant, cancellation) is not { } found)
        {
            return false;
        }

        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await GiveDefaultPlan.GiveAsync(found, new Cause(clock.GetUtcNow(), requestId), transaction, cancellation);
        await transaction.CommitAsync(cancellation);
        return true;
    }

    private async Task<NewTenant?> FindAsync(Uri identity, Guid tenant, CancellationToken cancellation)
    {
        using var client = clients.CreateClient();
        ServiceKey.AddTo(client, configuration);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(s_patience);
        try
        {
            using var answer = await client.GetAsync(new Uri(identity, $"{GiveDefaultPlan.Path}/{tenant}"), patience.Token);
            return answer.StatusCode == HttpStatusCode.NotFound
                ? null
                : await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<NewTenant>(Json.Options, patience.Token);
        }
        catch (OperationCanceledException fault) when (!cancellation.IsCancellationRequested)
        {
            throw new TimeoutException("Identity did not say in time whether there is such a tenant", fault);
        }
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
                    await TenantOfAsync(http), http.TraceIdentifier, http.RequestAborted)
                ? await next(context)
                : answer;
        });

    // The operator's routes name the tenant, a tenant's own do not.
    private static async ValueTask<Guid> TenantOfAsync(HttpContext http) =>
        http.Request.RouteValues["tenant_id"] is string named ? Guid.Parse(named) : (await TenantScope.BindAsync(http, null!)).Id;
}
