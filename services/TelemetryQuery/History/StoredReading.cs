using System.Globalization;
using EasySmart.TelemetryQuery.Values;

namespace EasySmart.TelemetryQuery.History;

/// <summary>A reading as it is stored.</summary>
/// <param name="Time">UTC, in whole microseconds.</param>
/// <param name="Form">How the payload is kept: 1 is <c>{"value": n}</c>, 2 that with the time as <c>ts</c>, 0 any other.</param>
/// <param name="Value">The number in the payload; null when there is none.</param>
/// <param name="Payload">The JSON of form 0; else null.</param>
internal readonly record struct StoredReading(DateTime Time, short Form, double? Value, string? Payload)
{
    /// <summary>The payload as it was sent. Put together here: where the database does it, it costs more than all the rest of reading a row.</summary>
    public SentJson Sent => new(Form switch
    {
        1 => string.Create(CultureInfo.InvariantCulture, $$"""{"value": {{Value}}}"""),
        2 => string.Create(CultureInfo.InvariantCulture, $$"""{"value": {{Value}}, "ts": {{new DateTimeOffset(Time).ToUnixTimeMilliseconds()}}}"""),
        _ => Payload!,
    });
}
