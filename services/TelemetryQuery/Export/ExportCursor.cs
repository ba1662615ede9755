using System.Globalization;

namespace EasySmart.TelemetryQuery.Export;

/// <summary>The last line of a file that broke off.</summary>
/// <param name="Slot">Its slot.</param>
/// <param name="Time">Its time.</param>
internal sealed record ExportCursor(short Slot, DateTime Time)
{
    /// <summary>How a time stands in the files: as in every answer.</summary>
    public const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'";

    /// <summary>Null for what is not <c>slot@timestamp</c>.</summary>
    public static ExportCursor? Read(string text) =>
        text.Split('@') is [var slot, var time]
        && short.TryParse(slot, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && DateTime.TryParseExact(time, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at)
            ? new ExportCursor(number, at)
            : null;
}
