using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.DeviceProvisioning.Replication;

/// <summary>For sister services that keep a replica of the devices. The gateway does not route these.</summary>
public static class ReplicationEndpoints
{
    public const string KeyHeader = "X-EasySmart-Service-Key";

    public const string KeySetting = "Internal:ServiceKey";

    public static void MapReplication(this IEndpointRouteBuilder app)
    {
        var devices = app.MapGroup("/internal/devices").RequireKey(KeyHeader, KeySetting).ExcludeFromDescription();
        devices.MapGet("", ListDeviceStates.HandleAsync);
        devices.MapGet("/{deviceId}", GetDeviceState.HandleAsync);
    }
}
