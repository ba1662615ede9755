using System.Globalization;
using EasySmart.ServiceDefaults;

namespace EasySmart.TelemetryQuery.History;

/// <summary>A place in a slot's history.</summary>
/// <param name="Time">The last reading's time.</param>
/// <param name="Slot">Its slot.</param>
internal sealed record HistoryCursor(DateTime Time, short Slot)
{
    public override string ToString() => Paging.WriteCursor(Time.Ticks, Slot);

    /// <summary>Null for what no <c>Link</c> gave.</summary>
    public static HistoryCursor? Read(string text) =>
        Paging.TryReadCursor(text, out var parts)
        && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) && ticks <= DateTime.MaxValue.Ticks
        && ticks % TimeSpan.TicksPerMicrosecond == 0
        && short.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var slot)
            ? new HistoryCursor(new DateTime(ticks, DateTimeKind.Utc), slot)
            : null;
}
