using EasySmart.BillingQuota.Plans;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.OpenApi;

namespace EasySmart.BillingQuota.Quotas;

internal static class LimitsEndpoints
{
    public static void MapLimits(this IEndpointRouteBuilder app)
    {
        var own = app.MapGroup("/tenants/me").RequirePermission(Permissions.DevicesRead).WithTags("Tenants");
        own.MapGet("/limits", GetLimits.HandleAsync).WithSummary("Explain the tenant's limits").Fails(404, "Tenant not found").AsksForUnknownTenants();
    }
}
