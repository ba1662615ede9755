using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.DeviceProvisioning.Replication;

/// <summary>For sister services that keep a replica of the devices. The gateway does not route these.</summary>
public static class ReplicationEndpoints
{
    public static void MapReplication(this IEndpointRouteBuilder app)
    {
        var devices = app.MapGroup("/internal/devices").RequireServiceKey();
        devices.MapGet("", ListDeviceStates.HandleAsync);
        devices.MapGet("/{deviceId}", GetDeviceState.HandleAsync);
    }
}
