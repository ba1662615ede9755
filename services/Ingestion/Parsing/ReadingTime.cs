using System.Globalization;
using System.Text;
using System.Text.Json;

namespace EasySmart.Ingestion.Parsing;

/// <summary>Times as the hot path keeps them: microseconds since 1970, UTC, which is what PostgreSQL keeps too.</summary>
internal static class ReadingTime
{
    private const int LongestText = 64;

    public static long Micros(DateTimeOffset time) => (time.UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    public static DateTimeOffset Of(long micros) => new(DateTime.UnixEpoch.Ticks + micros * TimeSpan.TicksPerMicrosecond, TimeSpan.Zero);

    /// <summary>Reads the <c>ts</c> that the reader stands on: epoch milliseconds as number or text, or RFC 3339.</summary>
    /// <param name="reader">Stands on the value.</param>
    /// <param name="time">The time that it says.</param>
    /// <param name="plain">Whether it is written as whole milliseconds, so that the time alone tells what was sent.</param>
    public static bool TryRead(ref Utf8JsonReader reader, out long time, out bool plain)
    {
        (time, plain) = (0, false);
        if (reader.TokenType == JsonTokenType.Number)
        {
            plain = reader.TryGetInt64(out var milliseconds);
            return plain ? TryScale(milliseconds, out time) : reader.TryGetDecimal(out var fraction) && TryScale(fraction, out time);
        }

        if (reader.TokenType != JsonTokenType.String || reader.ValueSpan.Length > LongestText)
        {
            return false;
        }

        Span<byte> text = stackalloc byte[LongestText];
        text = text[..reader.CopyString(text)];
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var fromText)
            ? TryScale(fromText, out time)
            : TryReadRfc3339(text, out time);
    }

    private static bool TryScale(decimal milliseconds, out long micros)
    {
        var inRange = milliseconds is > -1e15m and < 1e15m;
        micros = inRange ? (long)(milliseconds * 1000) : 0;
        return inRange;
    }

    private static bool TryReadRfc3339(ReadOnlySpan<byte> text, out long time)
    {
        time = 0;
        // The shape is checked here: the framework's parser takes much that is no RFC 3339, and reads what has no offset as local time.
        if (text.Length < 20 || text[4] != '-' || text[7] != '-' || text[10] is not ((byte)'T' or (byte)'t' or (byte)' ')
            || text[13] != ':' || text[16] != ':'
            || !(text[^1] is (byte)'Z' or (byte)'z' || (text[^6] is (byte)'+' or (byte)'-' && text[^3] == ':')))
        {
            return false;
        }

        var parsed = DateTimeOffset.TryParse(
            Encoding.ASCII.GetString(text), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var moment);
        time = Micros(moment);
        return parsed;
    }
}
