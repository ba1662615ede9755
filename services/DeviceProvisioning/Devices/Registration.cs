using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Messaging;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>A tenant gets a device, by provision or by claim.</summary>
public static class Registration
{
    /// <summary>Whose it is within the tenant: a super-admin works in a tenant without being one of its users.</summary>
    public static Guid? OwnerOf(Caller caller) => caller.Kind == CallerKind.User && caller.TenantId is not null ? caller.Id : null;

    /// <summary>Tells people and the audit, if and when the transaction commits.</summary>
    /// <param name="db">The context of the change.</param>
    /// <param name="device">The device, its tenant's by now.</param>
    /// <param name="caller">Who did it.</param>
    /// <param name="source"><c>provision</c> or <c>claim</c>.</param>
    /// <param name="clock">Gives the time.</param>
    public static void Announce(DevicesDb db, Device device, Caller caller, string source, TimeProvider clock)
    {
        var (key, tenant) = (device.Id.ToString(), device.TenantId!.Value);
        db.Publish(
            new DeviceRegistered
            {
                OccurredAt = clock.GetUtcNow(),
                RequestId = caller.RequestId,
                TenantId = tenant,
                DeviceId = device.Id,
                DeviceLabel = device.DeviceLabel!,
                Source = source,
                UserId = caller.Kind == CallerKind.User ? caller.Id : null,
                UserEmail = caller.Kind == CallerKind.User ? caller.Email : null,
                Status = device.Status,
            },
            key);
        var (type, verb) = source == "provision" ? ("device.provisioned", "create") : ("device.claimed", "claim");
        db.Publish(caller.Audit(clock, type, verb, metadata: new { device_label = device.DeviceLabel }).On(device.Id, tenant), key);
    }
}
