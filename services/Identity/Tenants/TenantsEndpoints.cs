using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.OpenApi;

namespace EasySmart.Identity.Tenants;

/// <summary>The operator's customers; their plans and usage are BillingQuota's part of the same path.</summary>
internal static class TenantsEndpoints
{
    public static void MapTenants(this IEndpointRouteBuilder routes)
    {
        var tenants = routes.MapGroup("/tenants").WithTags("Tenants");
        tenants.MapGet("/me", GetTenant.OwnAsync).RequirePermission(Permissions.TenantsRead).WithName("GetOwnTenant");
        tenants.MapGet("", ListTenants.HandleAsync).RequirePermission(Permissions.SystemAdmin).WithName("ListTenants");
        tenants.MapPost("", CreateTenant.HandleAsync).RequirePermission(Permissions.SystemAdmin).WithName("CreateTenant")
            .Fails(409, "The admin's e-mail address has an account already");
        tenants.MapGet("/{tenant_id}", GetTenant.HandleAsync).RequirePermission(Permissions.SystemAdmin).WithName("GetTenant");
        tenants.MapPatch("/{tenant_id}", UpdateTenant.HandleAsync).RequirePermission(Permissions.SystemAdmin).WithName("UpdateTenant");

        var sisters = routes.MapGroup("/internal/tenants").RequireServiceKey();
        sisters.MapGet("", ListTenantStates.HandleAsync);
        sisters.MapGet("/{tenant_id}", GetTenantState.HandleAsync);
    }
}
