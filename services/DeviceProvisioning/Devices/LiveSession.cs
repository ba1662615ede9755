using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>A device's connected session at the broker, as far as the views of a device need it.</summary>
public sealed class LiveSession
{
    public Guid TenantId { get; init; }

    public Guid DeviceId { get; init; }

    public DateTimeOffset ConnectedAt { get; init; }
}

/// <summary>A device, and whether it is online.</summary>
public sealed class DevicePresence
{
    public required Device Device { get; init; }

    public required bool Online { get; init; }
}

public static class Presence
{
    /// <summary>
    /// Online is who is connected and has not said otherwise since: the last will of a session that is gone may come after the next session
    /// is there, and counts no more then.
    /// </summary>
    public static IQueryable<DevicePresence> WithPresence(this IQueryable<Device> devices, DevicesDb db) => devices.AsNoTracking().Select(d => new DevicePresence
    {
        Device = d,
        Online = db.LiveSessions.Any(s => s.TenantId == d.TenantId && s.DeviceId == d.Id && (d.Reported != "offline" || d.ReportedAt <= s.ConnectedAt)),
    });
}
