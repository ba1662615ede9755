using EasySmart.DeviceProvisioning.Devices;
using EasySmart.DeviceProvisioning.Quotas;
using EasySmart.DeviceProvisioning.Tenants;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.OpenApi;
using Microsoft.AspNetCore.Http.Metadata;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>How devices come from the factory into a tenant's hands, and by themselves to their secrets.</summary>
public static class ManufacturingEndpoints
{
    private const string SignatureRefused = "The signature is wrong or was used, or the device's clock is (details: reason clock_skew, server_time)";

    public static void MapManufacturing(this IEndpointRouteBuilder devices)
    {
        devices.MapPost("/import", ImportDevices.HandleAsync).RequirePermission(Permissions.DevicesManufacture).WithSummary("Import manufactured devices")
            .Accepts<string>("text/csv", "application/x-ndjson", "application/jsonl").Produces<ImportedLine>(200, "application/x-ndjson")
            .WithMetadata(new BodyLimit(ImportDevices.MaxBytes));
        devices.MapPost("/claim", ClaimDevice.HandleAsync).RequirePermission(Permissions.DevicesProvision).WithSummary("Claim a device")
            .Fails(401, "The claim code is wrong, or there is no valid access token or API key").Fails(404, "Device or tenant not found")
            .Fails(409, "The device is already claimed, or has no claim code")
            .Fails(429, "Too many wrong claim codes, the plan's number of devices is reached, or too many requests")
            .OfKnownTenant().WithKnownQuota();
        devices.MapPost("/bootstrap", BootstrapDevice.HandleAsync).AllowAnonymousCaller().WithSummary("Ask what has become of a device")
            .Fails(401, SignatureRefused).Fails(404, "Device not found");
        devices.MapPost("/secret", DeliverSecret.HandleAsync).AllowAnonymousCaller().WithSummary("Fetch a claimed device's secret")
            .Fails(401, SignatureRefused).Fails(404, "Device not found")
            .Fails(409, "The device is not claimed, its secret was already delivered, or the time for that has expired");
        devices.MapPost("/credentials/rotate", RotateOwnSecret.HandleAsync).AllowAnonymousCaller().WithSummary("Give oneself a new secret, as a device")
            .Fails(401, SignatureRefused).Fails(404, "Device not found").Fails(409, "The device is neither claimed nor active, or has no secret yet");
    }

    /// <summary>A route's own limit for bodies, as the framework reads it from an endpoint.</summary>
    private sealed record BodyLimit(long? MaxRequestBodySize) : IRequestSizeLimitMetadata;
}
