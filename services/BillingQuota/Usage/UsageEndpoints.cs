using EasySmart.BillingQuota.Plans;
using EasySmart.BillingQuota.Snapshots;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.BillingQuota.Usage;

internal static class UsageEndpoints
{
    public static void MapUsage(this IEndpointRouteBuilder app)
    {
        var tenants = app.MapGroup("/tenants").WithTags("Tenants");
        // "me" is no id: a literal goes before a parameter.
        tenants.MapGet("/me/usage", GetUsage.HandleAsync).RequirePermission(Permissions.DevicesRead).WithSummary("What the tenant used");

        var operators = tenants.MapGroup("/{tenant_id}").RequirePermission(Permissions.SystemAdmin).AsksForUnknownTenants();
        operators.MapGet("/usage", GetTenantUsage.HandleAsync).WithSummary("What a tenant uses now");
        operators.MapGet("/snapshots", ListSnapshots.HandleAsync).WithSummary("A tenant's usage, month by month");
    }
}
