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
    private static readonly Change Suspension = new(
        "device.suspended", "suspend", device => device.Status == DeviceStatus.Revoked ? null : DeviceStatus.Suspended);

    private static readonly Change Resumption = new("device.resumed", "resume", device => device.Status switch
    {
        DeviceStatus.Revoked => null,
        DeviceStatus.Suspended => device.ActivatedAt is null ? DeviceStatus.Claimed : DeviceStatus.Active,
        _ => device.Status,
    });

    private static readonly Change Revocation = new("device.revoked", "revoke", _ => DeviceStatus.Revoked);

    /// <summary>Shuts a device out until it is resumed: its session ends, and its messages are refused. One that is suspended stays so.</summary>
    public static Task<Results<Ok<DeviceView>, ProblemResult>> SuspendDeviceAsync(
        [FromRoute(Name = "device_id")] Guid deviceId, Caller caller, TenantScope tenant, DevicesDb db, LoginMemory logins, TimeProvider clock,
        CancellationToken cancellation) => Suspension.ApplyAsync(deviceId, caller, tenant, db, logins, clock, cancellation);

    /// <summary>Lets a suspended device in again, with the secrets that it has. One that is not suspended stays as it is.</summary>
    public static Task<Results<Ok<DeviceView>, ProblemResult>> ResumeDeviceAsync(
        [FromRoute(Name = "device_id")] Guid deviceId, Caller caller, TenantScope tenant, DevicesDb db, LoginMemory logins, TimeProvider clock,
        CancellationToken cancellation) => Resumption.ApplyAsync(deviceId, caller, tenant, db, logins, clock, cancellation);

    /// <summary>Shuts a device out for good: it can only be deleted. One that is revoked stays so.</summary>
    public static Task<Results<Ok<DeviceView>, ProblemResult>> RevokeDeviceAsync(
        [FromRoute(Name = "device_id")] Guid deviceId, Caller caller, TenantScope tenant, DevicesDb db, LoginMemory logins, TimeProvider clock,
        CancellationToken cancellation) => Revocation.ApplyAsync(deviceId, caller, tenant, db, logins, clock, cancellation);

    /// <param name="EventType">For the audit.</param>
    /// <param name="Action">The verb.</param>
    /// <param name="Next">The status that the device gets; null where there is no way there from the one that it has.</param>
    private sealed record Change(string EventType, string Action, Func<Device, DeviceStatus?> Next)
    {
        public async Task<Results<Ok<DeviceView>, ProblemResult>> ApplyAsync(
            Guid id, Caller caller, TenantScope tenant, DevicesDb db, LoginMemory logins, TimeProvider clock, CancellationToken cancellation)
        {
            await using var transaction = await db.Database.BeginTenantAsync(tenant.Id, cancellation);
            if (await db.LockDeviceAsync(tenant.Id, id, cancellation) is not { } device)
            {
                return Problem.NotFound(DeviceChanges.NotFound);
            }

            if (Next(device) is not { } status)
            {
                return Problem.Conflict(DeviceChanges.Revoked);
            }

            if (status != device.Status)
            {
                var before = device.Status;
                device.Status = status;
                if (status is DeviceStatus.Suspended or DeviceStatus.Revoked)
                {
                    db.Add(SessionEnd.Of(device, clock.GetUtcNow()));
                }

                var audit = caller.Audit(clock, EventType, Action, metadata: new { before = new { status = before }, after = new { status } });
                await db.SaveChangedAsync(device, audit.On(id, tenant.Id), cancellation);
            }

            var view = await db.ViewAsync(tenant.Id, id, clock, cancellation);
            await transaction.CommitAsync(cancellation);
            logins.Forget(id);
            return TypedResults.Ok(view!);
        }
    }
}
