using System.Globalization;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>Which devices are asked for. What is absent excludes nothing.</summary>
public sealed record DeviceFilter
{
    /// <summary>Only those with this status.</summary>
    /// <example>active</example>
    [FromQuery(Name = "status")]
    public string? Status { get; init; }

    /// <summary>Only those with this tag; given more than once, only those with all of them.</summary>
    [FromQuery(Name = "tag")]
    public string[]? Tags { get; init; }

    /// <summary>Part of the label or of the hardware id, or a device's id.</summary>
    [FromQuery(Name = "q")]
    public string? Q { get; init; }

    /// <summary>Only those not seen since then (RFC 3339), those never seen included.</summary>
    [FromQuery(Name = "seen_before")]
    public DateTimeOffset? SeenBefore { get; init; }

    private DeviceStatus? WithStatus =>
        Enum.GetValues<DeviceStatus>().Where(s => Json.Naming.ConvertName(s.ToString()) == Status).Select(s => (DeviceStatus?)s).SingleOrDefault();

    /// <summary>The answer to what cannot be asked; null when all can.</summary>
    internal ProblemResult? Refuse() => string.IsNullOrEmpty(Status) || WithStatus is not null
        ? null
        : Problem.BadRequest("status", "Must be unclaimed, claimed, active, suspended or revoked");

    internal IQueryable<Device> Of(IQueryable<Device> devices)
    {
        if (WithStatus is { } status)
        {
            devices = devices.Where(d => d.Status == status);
        }

        if (Tags is { Length: > 0 } tags)
        {
            devices = devices.Where(d => tags.All(tag => d.Tags.Contains(tag)));
        }

        if (SeenBefore?.ToUniversalTime() is { } then)
        {
            devices = devices.Where(d => d.LastSeenAt == null || d.LastSeenAt < then);
        }

        if (Q?.Trim() is { Length: > 0 } part)
        {
            // What means something in a pattern means itself here.
            var pattern = $"%{part.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("%", @"\%", StringComparison.Ordinal).Replace("_", @"\_", StringComparison.Ordinal)}%";
            Guid? id = Guid.TryParse(part, out var parsed) ? parsed : null;
            devices = devices.Where(d => EF.Functions.ILike(d.DeviceLabel!, pattern, @"\") || EF.Functions.ILike(d.HardwareId!, pattern, @"\") || d.Id == id);
        }

        return devices;
    }
}

/// <summary>A place in the list of devices: what is made meanwhile moves nothing that comes after it.</summary>
/// <param name="CreatedAt">The last device's time.</param>
/// <param name="Id">Its id, which tells devices of the same microsecond apart.</param>
internal readonly record struct DeviceCursor(DateTimeOffset CreatedAt, Guid Id)
{
    public override string ToString() => Paging.WriteCursor(CreatedAt.UtcTicks, Id);

    public static bool TryRead(string text, out DeviceCursor cursor)
    {
        cursor = default;
        if (!Paging.TryReadCursor(text, out var parts)
            || !long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) || ticks > DateTimeOffset.MaxValue.UtcTicks
            || !Guid.TryParse(parts[1], out var id))
        {
            return false;
        }

        cursor = new DeviceCursor(new DateTimeOffset(ticks, TimeSpan.Zero), id);
        return true;
    }
}
