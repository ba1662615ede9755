using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.OpenApi;
using Microsoft.AspNetCore.Http.Metadata;

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
        telemetry.MapPost("/batch", SendReadings.HandleAsync).WithSummary("Store many readings")
            .Accepts<ReadingRequest[]>("application/json", "application/x-ndjson").WithMetadata(new BodyLimit(SendReadings.MaxBytes))
            .Fails(413, "More than 16 MiB, or more than 10,000 readings").Fails(503, "Not all of it is stored; send it again");
    }

    /// <summary>A route's own limit for bodies, as the framework reads it from an endpoint.</summary>
    private sealed record BodyLimit(long? MaxRequestBodySize) : IRequestSizeLimitMetadata;
}
