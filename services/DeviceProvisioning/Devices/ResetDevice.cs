using System.ComponentModel.DataAnnotations;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>
/// Gives a device back: it is nobody's, as it came from the factory, until somebody claims it. Its credentials are dead at once; its values
/// stay the tenant's. A <c>tenant_user</c> may reset only devices that it owns.
/// </summary>
public static class ResetDevice
{
    // On the system role: row-level security lets no row leave its tenant, and the registry is no tenant's.
    public static async Task<Results<Ok<DeviceReset>, ProblemResult>> HandleAsync(
        ResetDeviceRequest request, Caller caller, TenantScope tenant, SystemContext<DevicesDb> system, LoginMemory logins, TimeProvider clock,
        CancellationToken cancellation)
    {
        var (db, id) = (system.Value, request.DeviceId!.Value);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        if (await db.LockDeviceAsync(tenant.Id, id, cancellation) is not { } device || !MayReset(caller, device))
        {
            return Problem.NotFound(DeviceChanges.NotFound);
        }

        if (device.Status == DeviceStatus.Revoked)
        {
            return Problem.Conflict(DeviceChanges.Revoked);
        }

        var now = clock.GetUtcNow();
        // Before they are cleared.
        var audit = caller.Audit(clock, "device.reset", "reset", metadata: new { device_label = device.DeviceLabel, status = device.Status });
        var made = await ForgetOwnerAsync(db, tenant.Id, id, now, cancellation);
        db.Add(SessionEnd.Of(device, now));
        Clear(device);
        await TakeFactoryLabelAsync(db, device, cancellation);
        await db.SaveChangedAsync(device, audit.On(id, tenant.Id) with { Severity = "warning" }, cancellation);
        await transaction.CommitAsync(cancellation);
        logins.Forget(id);
        return TypedResults.Ok(new DeviceReset("ok", made
            ? "Device was reset and can be claimed again"
            : "Device was reset; it has no claim code: the operator can give it one by an import of its device_id"));
    }

    private static bool MayReset(Caller caller, Device device) => caller.Role != "tenant_user" || device.OwnerUserId == caller.Id;

    /// <returns>Whether it is in the registry; who provisioned it otherwise made it up.</returns>
    private static async Task<bool> ForgetOwnerAsync(DevicesDb db, Guid tenant, Guid id, DateTimeOffset now, CancellationToken cancellation)
    {
        await db.Credentials.Where(c => c.DeviceId == id).ExecuteDeleteAsync(cancellation);
        await db.Database.ExecuteSqlAsync($"DELETE FROM claim_attempts WHERE device_id = {id}", cancellation);
        await db.Database.ExecuteSqlAsync(
            $"""
            UPDATE commands SET state = 'failed', error = 'device was reset', finished_at = {now}
            WHERE tenant_id = {tenant} AND device_id = {id} AND state IN ('queued', 'sent')
            """,
            cancellation);
        return await db.Database.ExecuteSqlAsync(
            $"UPDATE registry SET delivery_until = NULL, delivered_at = NULL WHERE device_id = {id}", cancellation) == 1;
    }

    private static void Clear(Device device)
    {
        device.Status = DeviceStatus.Unclaimed;
        (device.TenantId, device.OwnerUserId) = (null, null);
        (device.Metadata, device.Tags) = ("{}", []);
        (device.ClaimedAt, device.ActivatedAt, device.LastSeenAt, device.LastIp) = (null, null, null, null);
        (device.Reported, device.ReportedAt) = (null, null);
    }

    // Another device may have been given the label meanwhile; the constraint says so, and EF Core goes back to its savepoint.
    private static async Task TakeFactoryLabelAsync(DevicesDb db, Device device, CancellationToken cancellation)
    {
        var id = device.Id;
        device.DeviceLabel = await db.Database.SqlQuery<string?>($"SELECT factory_label AS \"Value\" FROM registry WHERE device_id = {id}")
            .SingleOrDefaultAsync(cancellation);
        try
        {
            await db.SaveChangesAsync(cancellation);
        }
        catch (DbUpdateException exception) when (exception.ViolatedConstraint() == "devices_device_label_key")
        {
            device.DeviceLabel = null;
        }
    }
}

/// <summary>What to reset.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="Confirmation"><c>RESET</c>, so that nothing is reset by mistake. <example>RESET</example></param>
public sealed record ResetDeviceRequest(
    [property: Required(ErrorMessage = "Is needed")] Guid? DeviceId = null,
    [property: Required(ErrorMessage = "Is needed"), AllowedValues("RESET", ErrorMessage = "Must be RESET")] string? Confirmation = null);

/// <summary>It was done.</summary>
/// <param name="Status">Always <c>ok</c>. <example>ok</example></param>
/// <param name="Message">The same in words. <example>Device was reset and can be claimed again</example></param>
public sealed record DeviceReset(string Status, string Message);
