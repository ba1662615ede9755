using System.ComponentModel.DataAnnotations;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>The tenant's devices, newest first; all of them unless <c>limit</c> is given.</summary>
public static class ListDevices
{
    /// <param name="limit">Most that one page holds; absent: all of them.</param>
    /// <param name="cursor">From the <c>Link</c> of the page before.</param>
    public static async Task<Results<Ok<List<ListedDevice>>, ProblemResult>> HandleAsync(
        TenantScope tenant, DevicesDb db, HttpResponse response, [AsParameters] DeviceFilter filter, [Range(1, int.MaxValue)] int? limit,
        string? cursor, CancellationToken cancellation)
    {
        var after = default(DeviceCursor);
        var refusal = cursor is null || DeviceCursor.TryRead(cursor, out after) ? null : Problem.BadRequest("cursor", "Must be one that a Link header gave");
        if ((refusal ?? filter.Refuse()) is { } refused)
        {
            return refused;
        }

        await using var transaction = await db.Database.BeginTenantAsync(tenant.Id, cancellation);
        var most = limit ?? int.MaxValue;
        var devices = await filter.Of(db.Devices.Where(d => d.TenantId == tenant.Id))
            .Where(d => cursor == null || EF.Functions.LessThan(ValueTuple.Create(d.CreatedAt, d.Id), ValueTuple.Create(after.CreatedAt, after.Id)))
            .OrderByDescending(d => d.CreatedAt).ThenByDescending(d => d.Id)
            .Take(Math.Min(most, int.MaxValue - 1) + 1)
            .WithPresence(db)
            .Select(p => new ListedDevice(
                p.Device.Id, p.Device.DeviceLabel, p.Device.Status, p.Device.FirmwareVersion, p.Device.LastSeenAt, p.Device.CreatedAt, p.Online, p.Device.Tags))
            .ToListAsync(cancellation);
        return TypedResults.Ok(Paging.Cut(devices, most, response, d => new DeviceCursor(d.CreatedAt, d.DeviceId).ToString()));
    }
}

/// <summary>A device in the list.</summary>
/// <param name="DeviceId">Its id.</param>
/// <param name="DeviceLabel">Its label, unique across the platform. <example>pump-7</example></param>
/// <param name="Status">Where it is in its life; claimed and active devices may connect and publish.</param>
/// <param name="FirmwareVersion">As the device last told it. <example>1.4.2</example></param>
/// <param name="LastSeenAt">When it last published or connected.</param>
/// <param name="CreatedAt">When it was provisioned or imported.</param>
/// <param name="Online">Whether it is connected, and has not said since that it is offline.</param>
/// <param name="Tags">The tenant's tags. <example>["hall-3"]</example></param>
public sealed record ListedDevice(
    Guid DeviceId,
    string? DeviceLabel,
    DeviceStatus Status,
    string? FirmwareVersion,
    DateTimeOffset? LastSeenAt,
    DateTimeOffset CreatedAt,
    bool Online,
    IReadOnlyList<string> Tags);
