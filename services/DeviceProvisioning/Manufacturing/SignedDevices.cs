using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>Devices that ask for a secret of their own accord.</summary>
public static class SignedDevices
{
    /// <summary>The device, which nobody else changes until the transaction ends; null when it is gone.</summary>
    public static Task<Device?> LockAsync(DevicesDb db, Signer signer, CancellationToken cancellation) => db.Devices
        .FromSql($"SELECT * FROM devices WHERE id = {signer.DeviceId} FOR UPDATE").SingleOrDefaultAsync(cancellation);

    /// <summary>Why a device in this state may have no secret, whatever else holds; null when it may.</summary>
    public static ProblemResult? Refuse(Device device, Signer signer) => device switch
    {
        { Status: DeviceStatus.Unclaimed } or { TenantId: null } => Problem.Conflict("The device is not claimed"),
        { Status: DeviceStatus.Suspended } => Problem.Conflict("The device is suspended"),
        { Status: DeviceStatus.Revoked } => Problem.Conflict("The device is revoked"),
        // Only of the tenant that it had when that was looked up; it cannot have changed hands and be delivered to within one call.
        _ when signer.TenantStopped && device.TenantId == signer.TenantId => Problem.Conflict("The device's tenant is suspended"),
        _ => null,
    };

    public static AuditRecorded Audit(Guid device, Guid? tenant, Caller caller, DateTimeOffset now, string eventType, string action) =>
        DeviceChanges.ByItself(device, tenant, now, eventType, action, caller.ClientIp) with
        {
            RequestId = caller.RequestId,
            UserAgent = caller.UserAgent,
        };
}
