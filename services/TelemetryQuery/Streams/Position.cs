using System.Globalization;

namespace EasySmart.TelemetryQuery.Streams;

/// <summary>
/// How far a stream is, and with that the id of its events: the newest arrival that it has told of, as microseconds since 1970, which is what
/// PostgreSQL keeps. Commits are not in the order of arrival, so whoever goes on from a position looks a little behind it too.
/// </summary>
internal static class Position
{
    /// <summary>How long before a position something may have arrived that was committed after it.</summary>
    public static readonly TimeSpan Slack = TimeSpan.FromSeconds(30);

    public static string Format(DateTimeOffset position) => Micros(position).ToString(CultureInfo.InvariantCulture);

    public static bool TryParse(string text, out DateTimeOffset position)
    {
        var parsed = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var micros)
            && micros <= Micros(DateTimeOffset.MaxValue);
        position = parsed ? Of(micros) : default;
        return parsed;
    }

    public static DateTimeOffset Of(long micros) => DateTimeOffset.UnixEpoch.AddTicks(micros * TimeSpan.TicksPerMicrosecond);

    public static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;

    public static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;

    private static long Micros(DateTimeOffset time) => (time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) / TimeSpan.TicksPerMicrosecond;
}
