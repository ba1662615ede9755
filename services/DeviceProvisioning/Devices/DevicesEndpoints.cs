using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>What people and programs do with their tenant's devices.</summary>
public static class DevicesEndpoints
{
    public static void MapDevices(this IEndpointRouteBuilder app)
    {
        var devices = app.MapGroup("/devices").WithTags("Devices");
        devices.MapGet("", ListDevices.HandleAsync).RequirePermission(Permissions.DevicesRead);
        devices.MapPost("/provision", ProvisionDevice.HandleAsync).RequirePermission(Permissions.DevicesProvision);
    }
}
