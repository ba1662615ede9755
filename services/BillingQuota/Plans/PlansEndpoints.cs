using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.OpenApi;

namespace EasySmart.BillingQuota.Plans;

internal static class PlansEndpoints
{
    public static void MapPlans(this IEndpointRouteBuilder app)
    {
        var tenants = app.MapGroup("/tenants/{tenant_id}").RequirePermission(Permissions.SystemAdmin).WithTags("Tenants").AsksForUnknownTenants();
        tenants.MapGet("/quotas", GetQuotas.HandleAsync).WithSummary("Get a tenant's quotas");
        tenants.MapPatch("/quotas", UpdateQuotas.HandleAsync).WithSummary("Change a tenant's plan and quotas").Fails(404, "Tenant not found");

        var plans = app.MapGroup("/plans").RequirePermission(Permissions.SystemAdmin).WithTags("Tenants");
        plans.MapGet("", ListPlans.HandleAsync).WithSummary("List the plans");
        plans.MapGet("/{plan_type}", GetPlan.HandleAsync).WithSummary("Get a plan").Fails(404, GetPlan.NotFound);
        plans.MapPatch("/{plan_type}", UpdatePlan.HandleAsync).WithSummary("Change a plan").Fails(404, GetPlan.NotFound);
        plans.MapGet("/{plan_type}/history", ListPlanHistory.HandleAsync).WithSummary("List a plan's states").Fails(404, GetPlan.NotFound);

        // For sister services: not routed by the gateway, and so not in the API document.
        var sisters = app.MapGroup("/internal").RequireServiceKey();
        sisters.MapGet("/quotas", ListQuotas.HandleAsync);
        sisters.MapGet("/quotas/{tenant_id}", GetQuotaState.HandleAsync).AsksForUnknownTenants();
    }
}
