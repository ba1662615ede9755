using EasySmart.Contracts.Auditing;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>How a device that is there is changed: its row is locked, and with the change go the word to the replicas and the audit record.</summary>
public static class DeviceChanges
{
    /// <summary>The answer where a tenant names a device that it does not have.</summary>
    public const string NotFound = "Device not found";

    /// <summary>The answer where a device that is shut out for good should do something.</summary>
    public const string Revoked = "The device is revoked, for good";

    /// <summary>The tenant's device, which nobody else changes until the transaction ends; null when it has none of that id.</summary>
    public static Task<Device?> LockDeviceAsync(this DevicesDb db, Guid tenant, Guid id, CancellationToken cancellation) => db.Devices
        .FromSql($"SELECT * FROM devices WHERE id = {id} AND tenant_id = {tenant} FOR UPDATE").SingleOrDefaultAsync(cancellation);

    /// <summary>Saves a change that replicas must hear of, under a new version.</summary>
    /// <param name="db">The context that the device was read with.</param>
    /// <param name="device">The device, changed.</param>
    /// <param name="audit">What happened; completed with <see cref="On"/> by the caller, since the device may have left its tenant.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task SaveChangedAsync(this DevicesDb db, Device device, AuditRecorded audit, CancellationToken cancellation)
    {
        device.Version = await db.NextVersionAsync(cancellation);
        var key = device.Id.ToString();
        db.Publish(device.Changed(audit.OccurredAt, audit.RequestId), key);
        db.Publish(audit, key);
        await db.SaveChangesAsync(cancellation);
    }

    /// <summary>The next version of any device.</summary>
    public static Task<long> NextVersionAsync(this DevicesDb db, CancellationToken cancellation) =>
        db.Database.SqlQuery<long>($"SELECT nextval('device_version') AS \"Value\"").SingleAsync(cancellation);

    /// <summary>The record, about this device of this tenant.</summary>
    public static AuditRecorded On(this AuditRecorded audit, Guid device, Guid? tenant) => audit with
    {
        TenantId = tenant,
        DeviceId = device,
        ResourceType = "device",
        ResourceId = device.ToString(),
    };

    /// <summary>A record of what a device did by itself.</summary>
    /// <param name="device">The device.</param>
    /// <param name="tenant">The tenant that it belongs to.</param>
    /// <param name="at">When.</param>
    /// <param name="eventType">Such as <c>device.activated</c>.</param>
    /// <param name="action">The verb.</param>
    /// <param name="address">Where it was.</param>
    public static AuditRecorded ByItself(Guid device, Guid? tenant, DateTimeOffset at, string eventType, string action, string? address) => new AuditRecorded
    {
        OccurredAt = at,
        EventType = eventType,
        EventCategory = "device",
        ActorType = "device",
        ActorId = device.ToString(),
        Action = action,
        Result = "success",
        IpAddress = address,
    }.On(device, tenant);
}
