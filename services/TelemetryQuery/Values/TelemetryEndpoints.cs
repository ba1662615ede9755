using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.TelemetryQuery.Values;

internal static class TelemetryEndpoints
{
    public static void MapTelemetry(this IEndpointRouteBuilder app)
    {
        var telemetry = app.MapGroup("/telemetry").RequirePermission(Permissions.TelemetryRead).WithTags("Telemetry");
        telemetry.MapGet("/latest", GetLatest.HandleAsync);
        telemetry.MapGet("/slots", GetSlots.HandleAsync);
    }
}
