using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.OpenApi;

namespace EasySmart.Ingestion.Quotas;

/// <summary>What a tenant's plan lets its devices send.</summary>
internal static class QuotaEndpoints
{
    public static void MapQuotas(this IEndpointRouteBuilder app)
    {
        var devices = app.MapGroup("/devices").RequirePermission(Permissions.DevicesRead).WithTags("Devices");
        devices.MapGet("/{device_id:guid}/limits", ShowLimits.HandleAsync).WithSummary("What limits a device").Fails(404, "Device not found");
    }
}
