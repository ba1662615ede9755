using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.OpenApi;
using EasySmart.TelemetryQuery.Aggregates;

namespace EasySmart.TelemetryQuery.Values;

internal static class TelemetryEndpoints
{
    public static void MapTelemetry(this IEndpointRouteBuilder app)
    {
        var telemetry = app.MapGroup("/telemetry").RequirePermission(Permissions.TelemetryRead).WithTags("Telemetry")
            .Fails(404, "Device not found or inactive");
        telemetry.MapGet("/latest", GetLatest.HandleAsync).WithSummary("Latest value of a slot");
        telemetry.MapGet("/latest/all", GetLatestAll.HandleAsync).WithSummary("Latest values of all slots");
        telemetry.MapGet("/aggregate", GetAggregate.HandleAsync).WithSummary("A slot's numbers in buckets of time");
        telemetry.MapGet("/slots", GetSlots.HandleAsync).WithSummary("Slots that hold a value");
    }
}
