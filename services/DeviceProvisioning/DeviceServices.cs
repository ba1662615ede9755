using EasySmart.Contracts.BillingQuota;
using EasySmart.Contracts.Identity;
using EasySmart.Contracts.Ingestion;
using EasySmart.DeviceProvisioning.Commands;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.DeviceProvisioning.Manufacturing;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.DeviceProvisioning.Quotas;
using EasySmart.DeviceProvisioning.Replication;
using EasySmart.DeviceProvisioning.Sessions;
using EasySmart.DeviceProvisioning.Tenants;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Idempotency;
using EasySmart.ServiceDefaults.Messaging;

namespace EasySmart.DeviceProvisioning;

/// <summary>The parts of this service: from the factory to the broker's door, and what is behind it.</summary>
internal static class DeviceServices
{
    public static void AddDevices(this WebApplicationBuilder builder)
    {
        builder.AddMessaging(on => on
            .On<TenantQuotaChanged, ApplyTenantQuota>().On<TenantStatusChanged, ApplyTenantStatus>().On<DevicesSeen, MarkDevicesSeen>());
        builder.AddIdempotency();
        builder.AddServiceKey();
        builder.AddReplication();
        builder.AddManufacturing();
        builder.AddMqtt();
        builder.AddSessions();
    }

    public static void MapDevicesAndBroker(this IEndpointRouteBuilder app)
    {
        app.MapDevices();
        app.MapCommands();
        app.MapMqtt();
        app.MapReplication();
    }
}
