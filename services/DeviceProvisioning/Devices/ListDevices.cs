using System.ComponentModel.DataAnnotations;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>The tenant's devices, newest first; all of them unless <c>limit</c> is given.</summary>
public static class ListDevices
{
    public static async Task<Ok<List<ListedDevice>>> HandleAsync(
        TenantScope tenant, DevicesDb db, [Range(1, int.MaxValue)] int? limit, CancellationToken cancellation)
    {
        await using var transaction = await db.Database.BeginTenantAsync(tenant.Id, cancellation);
        var devices = await db.Devices
            .Where(d => d.TenantId == tenant.Id)
            .OrderByDescending(d => d.CreatedAt).ThenByDescending(d => d.Id)
            .Take(limit ?? int.MaxValue)
            .Select(d => new ListedDevice(d.Id, d.DeviceLabel, d.Status, d.FirmwareVersion, d.LastSeenAt, d.CreatedAt))
            .ToListAsync(cancellation);
        return TypedResults.Ok(devices);
    }
}

/// <summary>A device in the list.</summary>
/// <param name="DeviceId">Its id.</param>
/// <param name="DeviceLabel">Its label, unique across the platform. <example>pump-7</example></param>
/// <param name="Status">Where it is in its life; claimed and active devices may connect and publish.</param>
/// <param name="FirmwareVersion">As the device last told it. <example>1.4.2</example></param>
/// <param name="LastSeenAt">When it last published or connected.</param>
/// <param name="CreatedAt">When it was provisioned or imported.</param>
public sealed record ListedDevice(
    Guid DeviceId,
    string? DeviceLabel,
    DeviceStatus Status,
    string? FirmwareVersion,
    DateTimeOffset? LastSeenAt,
    DateTimeOffset CreatedAt);
