using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.OpenApi;
using EasySmart.TelemetryQuery.Aggregates;
using EasySmart.TelemetryQuery.Export;
using EasySmart.TelemetryQuery.History;
using EasySmart.TelemetryQuery.Limits;
using EasySmart.TelemetryQuery.Streams;

namespace EasySmart.TelemetryQuery.Values;

internal static class TelemetryEndpoints
{
    public static void MapTelemetry(this IEndpointRouteBuilder app)
    {
        var all = app.MapGroup("/telemetry").RequirePermission(Permissions.TelemetryRead).WithTags("Telemetry");
        // Itself without a limit: who is at one asks.
        all.MapGet("/limits", GetQueryLimits.Handle).WithSummary("Explain the limits on queries");
        var telemetry = all.MapGroup("").Fails(404, "Device not found or inactive");
        telemetry.MapGet("/latest", GetLatest.HandleAsync).Limited(QueryKind.Query).WithSummary("Latest value of a slot");
        telemetry.MapGet("/latest/all", GetLatestAll.HandleAsync).Limited(QueryKind.Query).WithSummary("Latest values of all slots");
        telemetry.MapGet("/slots", GetSlots.HandleAsync).Limited(QueryKind.Query).WithSummary("Slots that hold a value");
        telemetry.MapGet("/history", GetHistory.HandleAsync).Limited(QueryKind.Query).WithSummary("A slot's readings, page by page");
        telemetry.MapGet("/aggregate", GetAggregate.HandleAsync).Limited(QueryKind.Query).WithSummary("A slot's numbers in buckets of time");
        telemetry.MapGet("/export", ExportReadings.HandleAsync).Limited(QueryKind.Export).WithSummary("A device's readings as a file")
            .Produces<Stream>(200, "text/csv", "application/x-ndjson", "application/vnd.apache.parquet");
        telemetry.MapGet("/stream", FollowReadings.HandleAsync).Limited(QueryKind.Stream).WithSummary("Readings as they are stored, live")
            .Produces<StreamedReading>(200, "text/event-stream");
    }
}
