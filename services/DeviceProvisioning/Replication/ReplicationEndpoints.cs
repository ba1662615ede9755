using EasySmart.DeviceProvisioning.Quotas;
using EasySmart.DeviceProvisioning.Tenants;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Messaging;

namespace EasySmart.DeviceProvisioning.Replication;

/// <summary>For sister services that keep a replica of the devices, and the replicas kept here. The gateway does not route these.</summary>
public static class ReplicationEndpoints
{
    public static void AddReplication(this IHostApplicationBuilder builder)
    {
        builder.AddReplica(ApplyTenantQuota.Replica);
        builder.AddReplica(ApplyTenantStatus.Replica);
        builder.Services.AddSingleton<KnownTenants>().AddSingleton<KnownQuotas>();
    }

    public static void MapReplication(this IEndpointRouteBuilder app)
    {
        var devices = app.MapGroup("/internal/devices").RequireServiceKey();
        devices.MapGet("", ListDeviceStates.HandleAsync);
        devices.MapGet("/{deviceId}", GetDeviceState.HandleAsync);
    }
}
