using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.BillingQuota.Plans;

internal static class PlansEndpoints
{
    public static void MapPlans(this IEndpointRouteBuilder app)
    {
        var tenants = app.MapGroup("/tenants/{tenant_id}").RequirePermission(Permissions.SystemAdmin).WithTags("Tenants");
        tenants.MapGet("/quotas", GetQuotas.HandleAsync).WithSummary("Get a tenant's quotas");

        // For sister services: not routed by the gateway, and so not in the API document.
        var sisters = app.MapGroup("/internal").RequireServiceKey();
        sisters.MapGet("/quotas", ListQuotas.HandleAsync);
    }
}
