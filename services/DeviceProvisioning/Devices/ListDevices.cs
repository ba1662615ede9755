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
public sealed record ListedDevice(
    Guid DeviceId,
    string? DeviceLabel,
    DeviceStatus Status,
    string? FirmwareVersion,
    DateTimeOffset? LastSeenAt,
    DateTimeOffset CreatedAt);
