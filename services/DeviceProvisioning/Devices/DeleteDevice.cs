using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>Takes a device out of the world, its place in the manufacturing registry included; its values stay the tenant's.</summary>
public static class DeleteDevice
{
    public static async Task<Results<NoContent, ProblemResult>> HandleAsync(
        [FromRoute(Name = "device_id")] Guid deviceId, Caller caller, TenantScope tenant, DevicesDb db, LoginMemory logins, TimeProvider clock,
        CancellationToken cancellation)
    {
        await using var transaction = await db.Database.BeginTenantAsync(tenant.Id, cancellation);
        if (await db.LockDeviceAsync(tenant.Id, deviceId, cancellation) is not { } device)
        {
            return Problem.NotFound(DeviceChanges.NotFound);
        }

        var (now, key) = (clock.GetUtcNow(), deviceId.ToString());
        db.Add(SessionEnd.Of(device, now));
        db.Remove(device);
        db.Publish(
            new DeviceChanged
            {
                OccurredAt = now,
                RequestId = caller.RequestId,
                DeviceId = deviceId,
                TenantId = null,
                DeviceLabel = null,
                Status = DeviceStatus.Revoked,
                Version = await db.NextVersionAsync(cancellation),
            },
            key);
        db.Publish(
            caller.Audit(clock, "device.deleted", "delete", metadata: new { device_label = device.DeviceLabel, status = device.Status })
                .On(deviceId, tenant.Id) with { Severity = "warning" },
            key);
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        logins.Forget(deviceId);
        return TypedResults.NoContent();
    }
}
