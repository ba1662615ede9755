using System.Text.Json;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>Everything about one of the tenant's devices.</summary>
public static class GetDevice
{
    public static async Task<Results<Ok<DeviceView>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "device_id")] Guid deviceId, TenantScope tenant, DevicesDb db, TimeProvider clock, CancellationToken cancellation)
    {
        await using var transaction = await db.Database.BeginTenantAsync(tenant.Id, cancellation);
        return await db.ViewAsync(tenant.Id, deviceId, clock, cancellation) is { } view
            ? TypedResults.Ok(view)
            : Problem.NotFound(DeviceChanges.NotFound);
    }

    /// <summary>The tenant's device as it is now, within the caller's transaction; null when it has none of that id.</summary>
    public static async Task<DeviceView?> ViewAsync(
        this DevicesDb db, Guid tenant, Guid id, TimeProvider clock, CancellationToken cancellation)
    {
        if (await db.Devices.Where(d => d.TenantId == tenant && d.Id == id).WithPresence(db).SingleOrDefaultAsync(cancellation) is not { } found)
        {
            return null;
        }

        var now = clock.GetUtcNow();
        var credentials = await db.Credentials
            .Where(c => c.TenantId == tenant && c.DeviceId == id && (c.ValidUntil == null || c.ValidUntil > now))
            .OrderBy(c => c.ValidFrom).ThenBy(c => c.Id)
            .Select(c => new CredentialView(c.Id, c.ValidFrom, c.ValidUntil))
            .ToListAsync(cancellation);
        var d = found.Device;
        return new DeviceView(
            d.Id, d.DeviceLabel, d.Status, d.FirmwareVersion, d.LastSeenAt, d.CreatedAt, found.Online, d.Tags, d.HardwareId, d.Model, d.HardwareRevision,
            d.OwnerUserId, JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(d.Metadata)!, d.ClaimedAt, d.ActivatedAt, d.LastIp, credentials);
    }
}

/// <summary>A device.</summary>
/// <param name="DeviceId">Its id.</param>
/// <param name="DeviceLabel">Its label, unique across the platform. <example>pump-7</example></param>
/// <param name="Status">Where it is in its life; claimed and active devices may connect and publish.</param>
/// <param name="FirmwareVersion">As the device last told it. <example>1.4.2</example></param>
/// <param name="LastSeenAt">When it last published or connected.</param>
/// <param name="CreatedAt">When it was provisioned or imported.</param>
/// <param name="Online">Whether it is connected, and has not said since that it is offline.</param>
/// <param name="Tags">The tenant's tags. <example>["hall-3"]</example></param>
/// <param name="HardwareId">What its maker calls it. <example>A1B2C3D4E5F6</example></param>
/// <param name="Model">Its model. <example>PT-100</example></param>
/// <param name="HardwareRevision">Its hardware's revision. <example>C</example></param>
/// <param name="OwnerUserId">The tenant's user who provisioned or claimed it; null when an API key did.</param>
/// <param name="Metadata">What the tenant notes about it. <example>{"line": 3}</example></param>
/// <param name="ClaimedAt">When the tenant got it.</param>
/// <param name="ActivatedAt">Its first sign of life in the tenant's hands.</param>
/// <param name="LastIp">The address that it last connected from. <example>203.0.113.7</example></param>
/// <param name="Credentials">The secrets that it may log in with, oldest first.</param>
public sealed record DeviceView(
    Guid DeviceId,
    string? DeviceLabel,
    DeviceStatus Status,
    string? FirmwareVersion,
    DateTimeOffset? LastSeenAt,
    DateTimeOffset CreatedAt,
    bool Online,
    IReadOnlyList<string> Tags,
    string? HardwareId,
    string? Model,
    string? HardwareRevision,
    Guid? OwnerUserId,
    IReadOnlyDictionary<string, JsonElement> Metadata,
    DateTimeOffset? ClaimedAt,
    DateTimeOffset? ActivatedAt,
    string? LastIp,
    IReadOnlyList<CredentialView> Credentials);

/// <summary>A secret of a device, without the secret.</summary>
/// <param name="CredentialId">Its id.</param>
/// <param name="ValidFrom">Since when it passes.</param>
/// <param name="ValidUntil">When it passes no longer; null for no end.</param>
public sealed record CredentialView(Guid CredentialId, DateTimeOffset ValidFrom, DateTimeOffset? ValidUntil);
