using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Mvc;

namespace EasySmart.TelemetryQuery.History;

/// <summary>The time that a query is about.</summary>
public sealed record RangeQuery
{
    private static readonly TimeSpan Usual = TimeSpan.FromHours(24);

    // No reading is older, and none will be newer.
    private static readonly DateTime Earliest = new(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly DateTime Latest = new(2200, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>Beginning of the range (RFC 3339), itself in it; 24 hours before its end when absent.</summary>
    /// <example>2026-02-15T00:00:00Z</example>
    [FromQuery(Name = "from")]
    public DateTimeOffset? From { get; init; }

    /// <summary>End of the range, itself not in it; now when absent.</summary>
    /// <example>2026-02-16T00:00:00Z</example>
    [FromQuery(Name = "to")]
    public DateTimeOffset? To { get; init; }

    /// <summary>The answer to what is no range; null when it is one.</summary>
    internal ProblemResult? Refuse(DateTimeOffset now, out TimeRange range)
    {
        range = default;
        var end = (To ?? now).UtcDateTime;
        if (end <= Earliest || end > Latest)
        {
            return Problem.BadRequest("to", "Must lie between 1970 and 2200");
        }

        var to = WholeMicroseconds(end);
        var from = WholeMicroseconds(From?.UtcDateTime ?? to - Usual);
        if (from < Earliest || from >= to)
        {
            return Problem.BadRequest("from", from < Earliest ? "Must lie between 1970 and 2200" : "Must be before to");
        }

        range = new TimeRange(from, to);
        return null;
    }

    // As PostgreSQL keeps them. Rounded up: of a bound between two microseconds the later one is the first that is not before it.
    private static DateTime WholeMicroseconds(DateTime time) =>
        time.Ticks % TimeSpan.TicksPerMicrosecond is var rest and not 0 ? time.AddTicks(TimeSpan.TicksPerMicrosecond - rest) : time;
}

/// <summary>A time, UTC in whole microseconds.</summary>
/// <param name="From">Its beginning.</param>
/// <param name="To">Its end, not in it.</param>
internal readonly record struct TimeRange(DateTime From, DateTime To)
{
    /// <summary>What of it comes after a reading.</summary>
    public TimeRange After(DateTime reading) => reading < From ? this : this with { From = reading < To ? reading.AddMicroseconds(1) : To };

    /// <summary>What of it comes before a reading.</summary>
    public TimeRange Before(DateTime reading) => reading > To ? this : this with { To = reading };
}
