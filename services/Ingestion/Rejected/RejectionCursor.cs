using System.Globalization;
using EasySmart.ServiceDefaults;

namespace EasySmart.Ingestion.Rejected;

/// <summary>A place in the list of refusals.</summary>
/// <param name="LastAt">The last entry's time.</param>
/// <param name="DeviceId">Its device.</param>
/// <param name="Reason">Its reason: one message can be refused for several.</param>
internal sealed record RejectionCursor(DateTimeOffset LastAt, Guid DeviceId, string Reason)
{
    public override string ToString() => Paging.WriteCursor(LastAt.UtcTicks, $"{DeviceId}:{Reason}");

    /// <summary>Null for what no <c>Link</c> gave.</summary>
    public static RejectionCursor? Read(string text) =>
        Paging.TryReadCursor(text, out var parts)
        && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) && ticks <= DateTimeOffset.MaxValue.UtcTicks
        && parts[1].Split(':') is [var device, var reason] && Guid.TryParse(device, out var id) && !reason.Contains('\0')
            ? new RejectionCursor(new DateTimeOffset(ticks, TimeSpan.Zero), id, reason)
            : null;
}
