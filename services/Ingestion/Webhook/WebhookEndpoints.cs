using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.OpenApi;

namespace EasySmart.Ingestion.Webhook;

/// <summary>Readings that come by HTTP: from the broker's webhook, or from programs.</summary>
internal static class WebhookEndpoints
{
    public static void MapWebhook(this IEndpointRouteBuilder app)
    {
        var telemetry = app.MapGroup("/telemetry").RequirePermission(Permissions.TelemetryWrite).WithTags("Telemetry");
        telemetry.MapPost("", SendReading.HandleAsync).WithSummary("Store a reading").Accepts<ReadingRequest>("application/json")
            .Fails(403, "The tenant is suspended, or the topic is not that of the device's tenant, of the sender or of this caller's tenant")
            .Fails(404, "Device not found or inactive").Fails(409, "The slot already has another value at the time that ts says")
            .Fails(503, "Not stored; send it again");
    }
}
