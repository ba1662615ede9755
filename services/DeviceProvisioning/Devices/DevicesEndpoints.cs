using EasySmart.DeviceProvisioning.Manufacturing;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Idempotency;
using EasySmart.ServiceDefaults.OpenApi;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>What people and programs do with their tenant's devices.</summary>
public static class DevicesEndpoints
{
    public static void MapDevices(this IEndpointRouteBuilder app)
    {
        var devices = app.MapGroup("/devices").WithTags("Devices");
        devices.MapGet("", ListDevices.HandleAsync).RequirePermission(Permissions.DevicesRead).WithSummary("List devices");
        devices.MapPost("/provision", ProvisionDevice.HandleAsync).RequirePermission(Permissions.DevicesProvision).WithSummary("Provision a device")
            .Fails(409, "device_label already exists").Fails(429, "The plan's number of devices is reached, or too many requests")
            // An empty body is fine whatever it is said to be; one that is not empty must be JSON all the same.
            .Accepts<ProvisionDeviceRequest>(isOptional: true, "application/json", "*/*")
            .Idempotent<DevicesDb>();
        devices.MapManufacturing();
    }
}
