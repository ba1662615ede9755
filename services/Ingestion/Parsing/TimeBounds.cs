namespace EasySmart.Ingestion.Parsing;

/// <summary>Which times a reading may have, in microseconds since 1970.</summary>
/// <param name="oldest">The earliest.</param>
/// <param name="newest">The latest.</param>
internal readonly struct TimeBounds(long oldest, long newest)
{
    private static readonly long FirstOfAll = ReadingTime.Micros(new DateTimeOffset(2000, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private static readonly long AheadAllowed = (long)TimeSpan.FromMinutes(5).TotalMicroseconds;

    /// <summary>For a message that arrived at <paramref name="now"/>, of a tenant whose readings are kept for <paramref name="retention"/>.</summary>
    public static TimeBounds At(long now, long retention) => new(Math.Max(FirstOfAll, now - retention), now + AheadAllowed);

    /// <summary>Why a reading of that time is refused; null when it is not.</summary>
    public string? Refusal(long time) => time > newest ? Rejections.TimestampInFuture : time < oldest ? Rejections.TimestampTooOld : null;
}
