using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.OpenApi;
using EasySmart.TelemetryQuery.Limits;

namespace EasySmart.TelemetryQuery.Values;

internal static class TelemetryEndpoints
{
    public static void MapTelemetry(this IEndpointRouteBuilder app)
    {
        var telemetry = app.MapGroup("/telemetry").RequirePermission(Permissions.TelemetryRead).WithTags("Telemetry")
            .Fails(404, "Device not found or inactive");
        telemetry.MapGet("/latest", GetLatest.HandleAsync).Limited(QueryKind.Query).WithSummary("Latest value of a slot");
        telemetry.MapGet("/slots", GetSlots.HandleAsync).Limited(QueryKind.Query).WithSummary("Slots that hold a value");
    }
}
