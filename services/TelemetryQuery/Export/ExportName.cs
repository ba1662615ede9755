using System.Globalization;
using EasySmart.TelemetryQuery.History;

namespace EasySmart.TelemetryQuery.Export;

/// <summary>What the file is called.</summary>
internal static class ExportName
{
    /// <summary>The device's label, from and to, in characters that every file system and every client takes.</summary>
    public static string Of(string label, Guid device, TimeRange range, ExportFormat format)
    {
        var safe = string.Concat(label.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' ? c : '_')).Trim('_', '-', '.');
        return $"{(safe.Length > 0 ? safe : device)}_{Compact(range.From)}_{Compact(range.To)}.{format.Name}";
    }

    private static string Compact(DateTime time) => time.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
}
