using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Tenants;

/// <summary>Which tenants there are: those of the replica, and those that Identity knows of when it is asked.</summary>
internal sealed class KnownTenants([FromKeyedServices(DataSources.System)] NpgsqlDataSource database, ReplicaOwner<TenantState> identity)
{
    public async Task<bool> ContainsAsync(Guid tenant, CancellationToken cancellation)
    {
        await using var known = database.CreateCommand("SELECT EXISTS (SELECT FROM tenants WHERE tenant_id = $1)");
        known.Parameters.Add(new() { Value = tenant });
        return await known.ExecuteScalarAsync(cancellation) is true || await identity.TryTakeOverAsync(tenant, cancellation);
    }
}

internal static class KnownTenantRoutes
{
    /// <summary>
    /// Whoever names the tenant that is to hold a device may have mistyped it: 404 for one that there is not, 503 while Identity, which knows, is
    /// away. A caller's own tenant is taken from its token.
    /// </summary>
    public static TBuilder OfKnownTenant<TBuilder>(this TBuilder routes) where TBuilder : IEndpointConventionBuilder =>
        routes.AddEndpointFilter(async (context, next) =>
        {
            var http = context.HttpContext;
            return Caller.From(http).TenantId is null
                && !await http.RequestServices.GetRequiredService<KnownTenants>().ContainsAsync(TenantScope.From(http).Id, http.RequestAborted)
                ? Problem.NotFound("Tenant not found")
                : await next(context);
        });
}
