using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace EasySmart.Identity.Auditing;

/// <summary>A place in the list of records: what was recorded meanwhile moves nothing that comes after it.</summary>
/// <param name="Timestamp">The last record's time.</param>
/// <param name="Sequence">Its number, which tells records of the same microsecond apart.</param>
internal readonly record struct AuditCursor(DateTimeOffset Timestamp, long Sequence)
{
    public override string ToString() => Cursors.Write(Timestamp.UtcTicks, Sequence);

    public static bool TryRead(string text, out AuditCursor cursor)
    {
        cursor = default;
        if (!Cursors.TryRead(text, out var parts)
            || !long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) || ticks > DateTimeOffset.MaxValue.UtcTicks
            || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var sequence))
        {
            return false;
        }

        cursor = new AuditCursor(new DateTimeOffset(ticks, TimeSpan.Zero), sequence);
        return true;
    }
}

/// <summary>A place in the list of published heads.</summary>
internal readonly record struct HeadCursor(DateOnly Day, Guid Chain)
{
    public override string ToString() => Cursors.Write(Day.DayNumber, Chain);

    public static bool TryRead(string text, out HeadCursor cursor)
    {
        cursor = default;
        if (!Cursors.TryRead(text, out var parts)
            || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var day) || day > DateOnly.MaxValue.DayNumber
            || !Guid.TryParse(parts[1], out var chain))
        {
            return false;
        }

        cursor = new HeadCursor(DateOnly.FromDayNumber(day), chain);
        return true;
    }
}

/// <summary>Opaque to clients, so that what is in a cursor stays ours to change.</summary>
internal static class Cursors
{
    public static string Write(IFormattable first, IFormattable second) => Base64Url.EncodeToString(
        Encoding.ASCII.GetBytes($"{first.ToString(null, CultureInfo.InvariantCulture)}/{second.ToString(null, CultureInfo.InvariantCulture)}"));

    public static bool TryRead(string text, [NotNullWhen(true)] out string[]? parts)
    {
        parts = Base64Url.IsValid(text) && Encoding.ASCII.GetString(Base64Url.DecodeFromChars(text)).Split('/') is [var first, var second]
            ? [first, second]
            : null;
        return parts is not null;
    }
}
