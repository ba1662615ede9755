using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.OpenApi;
using EasySmart.TelemetryQuery.Export;
using EasySmart.TelemetryQuery.History;

namespace EasySmart.TelemetryQuery.Values;

internal static class TelemetryEndpoints
{
    public static void MapTelemetry(this IEndpointRouteBuilder app)
    {
        var telemetry = app.MapGroup("/telemetry").RequirePermission(Permissions.TelemetryRead).WithTags("Telemetry")
            .Fails(404, "Device not found or inactive");
        telemetry.MapGet("/latest", GetLatest.HandleAsync).WithSummary("Latest value of a slot");
        telemetry.MapGet("/slots", GetSlots.HandleAsync).WithSummary("Slots that hold a value");
        telemetry.MapGet("/history", GetHistory.HandleAsync).WithSummary("A slot's readings, page by page");
        telemetry.MapGet("/export", ExportReadings.HandleAsync).WithSummary("A device's readings as a file")
            .Produces<Stream>(200, "text/csv", "application/x-ndjson", "application/vnd.apache.parquet");
    }
}
