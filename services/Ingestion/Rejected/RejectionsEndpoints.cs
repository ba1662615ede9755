using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.OpenApi;

namespace EasySmart.Ingestion.Rejected;

/// <summary>What a tenant may know of its devices' messages that were refused.</summary>
internal static class RejectionsEndpoints
{
    public static void MapRejections(this IEndpointRouteBuilder app)
    {
        var telemetry = app.MapGroup("/telemetry").RequirePermission(Permissions.TelemetryRead).WithTags("Telemetry");
        telemetry.MapGet("/rejections", ListRejections.HandleAsync).WithSummary("Why messages were refused")
            .Fails(404, "Device not found or inactive");
    }
}
