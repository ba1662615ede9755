using System.Text.Json;

namespace EasySmart.TelemetryQuery.Streams;

/// <summary>
/// What ingestion announces: <c>{"tenant", "readings": [{"device", "slot", "time", "received", "value"}]}</c> with the commit that stored them,
/// without the value where it is too large; or <c>{"joined": true, "since"}</c>, when it begins to listen and may have been deaf since then.
/// Times are microseconds since 1970.
/// </summary>
internal static class Announcement
{
    /// <summary>A payload is nested 256 deep at most, and it stands in a reading in a list.</summary>
    public static readonly JsonDocumentOptions Deep = new() { MaxDepth = 300 };

    public static bool IsJoining(JsonElement announcement, out DateTimeOffset? since)
    {
        since = announcement.TryGetProperty("since", out var micros) ? Position.Of(micros.GetInt64()) : null;
        return announcement.TryGetProperty("joined", out _);
    }

    public static Guid TenantOf(JsonElement announcement) => announcement.GetProperty("tenant").GetGuid();

    public static IEnumerable<LiveReading> ReadingsOf(JsonElement announcement, Func<LiveReading, Task<string?>> readAsync) =>
        announcement.GetProperty("readings").EnumerateArray().Select(told => new LiveReading(
            told.GetProperty("device").GetGuid(),
            told.GetProperty("slot").GetInt16(),
            Position.Of(told.GetProperty("time").GetInt64()),
            Position.Of(told.GetProperty("received").GetInt64()),
            told.TryGetProperty("value", out var value) ? value.GetRawText() : null,
            readAsync));
}
