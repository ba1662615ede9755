using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.OpenApi;
using EasySmart.TelemetryQuery.Streams;

namespace EasySmart.TelemetryQuery.Values;

internal static class TelemetryEndpoints
{
    public static void MapTelemetry(this IEndpointRouteBuilder app)
    {
        var telemetry = app.MapGroup("/telemetry").RequirePermission(Permissions.TelemetryRead).WithTags("Telemetry")
            .Fails(404, "Device not found or inactive");
        telemetry.MapGet("/latest", GetLatest.HandleAsync).WithSummary("Latest value of a slot");
        telemetry.MapGet("/slots", GetSlots.HandleAsync).WithSummary("Slots that hold a value");
        telemetry.MapGet("/stream", FollowReadings.HandleAsync).WithSummary("Readings as they are stored, live").Produces<StreamedReading>(200, "text/event-stream");
    }
}
