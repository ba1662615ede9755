using System.ComponentModel.DataAnnotations;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Manufacturing;
using EasySmart.DeviceProvisioning.Quotas;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>
/// Makes an imported device the tenant's, for whoever shows the claim code on it. From then on the device may fetch its secret, once, until
/// the delivery window is over. Named by <c>device_id</c> or by <c>hardware_id</c>.
/// </summary>
public static class ClaimDevice
{
    // On the system role: to a tenant a device that is not its own is not there, and the registry never is.
    public static async Task<Results<Ok<ClaimedDevice>, ProblemResult>> HandleAsync(
        ClaimDeviceRequest request, Caller caller, TenantScope tenant, SystemContext<DevicesDb> system, BcryptChecks bcrypt,
        IOptions<ManufacturingOptions> options, TimeProvider clock, CancellationToken cancellation)
    {
        var db = system.Value;
        if ((request.DeviceId is null) == (request.HardwareId is null))
        {
            return Problem.BadRequest("device_id", "Exactly one of device_id and hardware_id is needed");
        }

        var earlier = await StoredClaimCode.CheckEarlierAsync(db, request, tenant.Id, bcrypt, clock.GetUtcNow(), cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        if (await LockAsync(db, request, cancellation) is not { } device)
        {
            return Problem.NotFound(DeviceChanges.NotFound);
        }

        if (device.Status != DeviceStatus.Unclaimed)
        {
            return Problem.Conflict(device.Status == DeviceStatus.Revoked ? "Device is revoked" : "Device is already claimed");
        }

        if (await StoredClaimCode.OfAsync(db, device.Id, cancellation) is not { } code)
        {
            return Problem.Conflict("Device has no claim code");
        }

        var now = clock.GetUtcNow();
        if (await ClaimAttempts.SlowedAsync(db, tenant.Id, device.Id, now, cancellation) is { } slowed)
        {
            if (slowed.IsNew)
            {
                await RecordAsync("device.claim_slowed", "denied", slowed.Failures);
            }

            return slowed.Answer;
        }

        if (!code.Matches(device.Id, request.ClaimCode, earlier))
        {
            await RecordAsync("device.claim_failed", "failed", await ClaimAttempts.FailedAsync(db, tenant.Id, device.Id, now, cancellation));
            return Problem.Unauthorized("The claim code is wrong");
        }

        if (await DeviceQuota.ReachedAsync(db, tenant.Id, cancellation) is { } limit)
        {
            return Problem.QuotaExceeded("The plan's number of devices is reached", limit, DeviceQuota.RetryAfterSeconds);
        }

        await ClaimAttempts.ForgetAsync(db, tenant.Id, device.Id, cancellation);
        (device.TenantId, device.OwnerUserId) = (tenant.Id, Registration.OwnerOf(caller));
        (device.Status, device.ClaimedAt) = (DeviceStatus.Claimed, now);
        device.Version = await db.NextVersionAsync(cancellation);
        await SaveWithLabelAsync(db, device, code.FactoryLabel, cancellation);
        await StoredClaimCode.AcceptAsync(db, device.Id, request.ClaimCode, now + options.Value.DeliveryWindow, cancellation);
        db.Publish(device.Changed(now, caller.RequestId), device.Id.ToString());
        Registration.Announce(db, device, caller, "claim", clock);
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.Ok(new ClaimedDevice(device.Id, "Device was claimed"));

        // Committed although the answer is a refusal: what is not counted can be repeated for ever.
        async Task RecordAsync(string type, string result, int failures)
        {
            var audit = caller.Audit(clock, type, "claim", result, new { failures }) with { Severity = "warning" };
            db.Publish(audit.On(device.Id, tenant.Id), device.Id.ToString());
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }
    }

    private static Task<Device?> LockAsync(DevicesDb db, ClaimDeviceRequest request, CancellationToken cancellation) => db.Devices
        .FromSql($"SELECT * FROM devices WHERE id = {request.DeviceId} OR hardware_id = {request.HardwareId} FOR UPDATE").SingleOrDefaultAsync(cancellation);

    // Its label from the factory where nobody else has it by now. EF Core goes back to its savepoint after a clash.
    private static async Task SaveWithLabelAsync(DevicesDb db, Device device, string? factoryLabel, CancellationToken cancellation)
    {
        device.DeviceLabel ??= factoryLabel ?? DeviceLabelAttribute.MakeUp();
        while (true)
        {
            try
            {
                await db.SaveChangesAsync(cancellation);
                return;
            }
            catch (DbUpdateException exception) when (exception.ViolatedConstraint() == "devices_device_label_key")
            {
                device.DeviceLabel = DeviceLabelAttribute.MakeUp();
            }
        }
    }
}

/// <summary>The device, and what shows that its holder is asking.</summary>
/// <param name="ClaimCode">
/// The code on the device; case, dashes and spaces do not matter, nor whether O or 0, I, L or 1. <example>7K3M-Z0QP-4H9D-XW2C</example>
/// </param>
/// <param name="DeviceId">The device, by its id; or else</param>
/// <param name="HardwareId">by its hardware id. <example>ES-00A1B2C3</example></param>
public sealed record ClaimDeviceRequest(
    [property: Required(ErrorMessage = "Is needed"), StringLength(72, ErrorMessage = "At most 72 characters")] string ClaimCode = "",
    Guid? DeviceId = null,
    [property: StringLength(15, MinimumLength = 1, ErrorMessage = "1 to 15 characters")] string? HardwareId = null);

/// <summary>The device is the tenant's.</summary>
/// <param name="DeviceId">Its id.</param>
/// <param name="Message">The same in words. <example>Device was claimed</example></param>
public sealed record ClaimedDevice(Guid DeviceId, string Message);
