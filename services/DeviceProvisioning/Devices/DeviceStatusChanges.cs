using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>A tenant shuts a device out for a while, lets it in again, or shuts it out for good.</summary>
public static class DeviceStatusChanges
{
    /// <summary>Shuts a device out until it is resumed: its session ends, and its messages are refused. One that is suspended stays so.</summary>
    public static Task<Results<Ok<DeviceView>, ProblemResult>> SuspendDeviceAsync(
        [FromRoute(Name = "device_id")] Guid deviceId, [AsParameters] Change change, CancellationToken cancellation) => change.ToAsync(
            deviceId,
            "device.suspended",
            "suspend",
            device => device.Status == DeviceStatus.Revoked ? null : DeviceStatus.Suspended,
            cancellation);

    /// <summary>Lets a suspended device in again, with the secrets that it has. One that is not suspended stays as it is.</summary>
    public static Task<Results<Ok<DeviceView>, ProblemResult>> ResumeDeviceAsync(
        [FromRoute(Name = "device_id")] Guid deviceId, [AsParameters] Change change, CancellationToken cancellation) => change.ToAsync(
            deviceId,
            "device.resumed",
            "resume",
            device => device.Status switch
            {
                DeviceStatus.Revoked => null,
                DeviceStatus.Suspended => device.ActivatedAt is null ? DeviceStatus.Claimed : DeviceStatus.Active,
                _ => device.Status,
            },
            cancellation);

    /// <summary>Shuts a device out for good: it can only be deleted. One that is revoked stays so.</summary>
    public static Task<Results<Ok<DeviceView>, ProblemResult>> RevokeDeviceAsync(
        [FromRoute(Name = "device_id")] Guid deviceId, [AsParameters] Change change, CancellationToken cancellation) => change.ToAsync(
            deviceId, "device.revoked", "revoke", _ => DeviceStatus.Revoked, cancellation);

    /// <summary>What these changes work with.</summary>
    public sealed record Change(Caller Caller, TenantScope Tenant, DevicesDb Db, LoginMemory Logins, TimeProvider Clock)
    {
        /// <summary>Gives the device the status that <paramref name="next"/> says; null is a status from which there is no way there.</summary>
        internal async Task<Results<Ok<DeviceView>, ProblemResult>> ToAsync(
            Guid id, string eventType, string action, Func<Device, DeviceStatus?> next, CancellationToken cancellation)
        {
            await using var transaction = await Db.Database.BeginTenantAsync(Tenant.Id, cancellation);
            if (await Db.LockDeviceAsync(Tenant.Id, id, cancellation) is not { } device)
            {
                return Problem.NotFound(DeviceChanges.NotFound);
            }

            if (next(device) is not { } status)
            {
                return Problem.Conflict(DeviceChanges.Revoked);
            }

            if (status != device.Status)
            {
                var before = device.Status;
                device.Status = status;
                if (status is DeviceStatus.Suspended or DeviceStatus.Revoked)
                {
                    Db.Add(SessionEnd.Of(device, Clock.GetUtcNow()));
                }

                var audit = Caller.Audit(Clock, eventType, action, metadata: new { before = new { status = before }, after = new { status } });
                await Db.SaveChangedAsync(device, audit.On(id, Tenant.Id), cancellation);
            }

            var view = await Db.ViewAsync(Tenant.Id, id, Clock, cancellation);
            await transaction.CommitAsync(cancellation);
            Logins.Forget(id);
            return TypedResults.Ok(view!);
        }
    }
}
