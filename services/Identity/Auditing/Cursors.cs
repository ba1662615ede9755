using System.Globalization;
using EasySmart.ServiceDefaults;

namespace EasySmart.Identity.Auditing;

/// <summary>A place in the list of records: what was recorded meanwhile moves nothing that comes after it.</summary>
/// <param name="Timestamp">The last record's time.</param>
/// <param name="Sequence">Its number, which tells records of the same microsecond apart.</param>
internal readonly record struct AuditCursor(DateTimeOffset Timestamp, long Sequence)
{
    public override string ToString() => Paging.WriteCursor(Timestamp.UtcTicks, Sequence);

    public static bool TryRead(string text, out AuditCursor cursor)
    {
        cursor = default;
        if (!Paging.TryReadCursor(text, out var parts)
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
    public override string ToString() => Paging.WriteCursor(Day.DayNumber, Chain);

    public static bool TryRead(string text, out HeadCursor cursor)
    {
        cursor = default;
        if (!Paging.TryReadCursor(text, out var parts)
            || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var day) || day > DateOnly.MaxValue.DayNumber
            || !Guid.TryParse(parts[1], out var chain))
        {
            return false;
        }

        cursor = new HeadCursor(DateOnly.FromDayNumber(day), chain);
        return true;
    }
}
