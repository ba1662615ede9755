using EasySmart.DeviceProvisioning.Manufacturing;
using EasySmart.DeviceProvisioning.Quotas;
using EasySmart.DeviceProvisioning.Tenants;
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
            .Fails(404, "Tenant not found").Fails(409, "device_label already exists").Fails(429, "The plan's number of devices is reached, or too many requests")
            // An empty body is fine whatever it is said to be; one that is not empty must be JSON all the same.
            .Accepts<ProvisionDeviceRequest>(isOptional: true, "application/json", "*/*")
            .OfKnownTenant().WithKnownQuota().Idempotent<DevicesDb>();
        devices.MapManufacturing();
        devices.MapPost("/reset", ResetDevice.HandleAsync).RequirePermission(Permissions.DevicesProvision).WithSummary("Reset a device")
            .Fails(404, "The tenant has no such device, or the caller may not reset it").Fails(409, DeviceChanges.Revoked);

        // Of a UUID only: what is no id is no device's route, so that GET /devices/provision stays 405.
        var device = devices.MapGroup("/{device_id:guid}");
        device.MapGet("", GetDevice.HandleAsync).RequirePermission(Permissions.DevicesRead).WithSummary("Get a device");
        device.MapPatch("", UpdateDevice.HandleAsync).RequirePermission(Permissions.DevicesWrite).WithSummary("Change a device's label, metadata and tags")
            .Fails(409, "device_label already exists");
        device.MapDelete("", DeleteDevice.HandleAsync).RequirePermission(Permissions.DevicesDelete).WithSummary("Delete a device");
        device.MapPost("/suspend", DeviceStatusChanges.SuspendDeviceAsync).RequirePermission(Permissions.DevicesWrite).WithSummary("Suspend a device")
            .Fails(409, DeviceChanges.Revoked);
        device.MapPost("/resume", DeviceStatusChanges.ResumeDeviceAsync).RequirePermission(Permissions.DevicesWrite).WithSummary("Resume a device")
            .Fails(409, DeviceChanges.Revoked);
        device.MapPost("/revoke", DeviceStatusChanges.RevokeDeviceAsync).RequirePermission(Permissions.DevicesDelete).WithSummary("Revoke a device");
        device.MapPost("/credentials/rotate", RotateCredentials.HandleAsync).RequirePermission(Permissions.DevicesProvision)
            .WithSummary("Give a device a new secret").Fails(409, DeviceChanges.Revoked)
            .Accepts<RotateCredentialsRequest>(isOptional: true, "application/json", "*/*")
            .Idempotent<DevicesDb>();
    }
}
