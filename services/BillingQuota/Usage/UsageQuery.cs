using System.Globalization;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Mvc;

namespace EasySmart.BillingQuota.Usage;

/// <summary>What is asked of a tenant's usage.</summary>
public sealed record UsageQuery
{
    private const int Most = 5_000;
    private static readonly DateTime s_earliest = new(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly DateTime s_latest = new(2200, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>Beginning of the range (RFC 3339), with the whole hour that it is in; the beginning of the month that <c>to</c> ends in when absent.</summary>
    /// <example>2026-02-01T00:00:00Z</example>
    [FromQuery(Name = "from")]
    public DateTimeOffset? From { get; init; }

    /// <summary>End of the range, with the whole hour that it ends in; now when absent.</summary>
    /// <example>2026-02-16T00:00:00Z</example>
    [FromQuery(Name = "to")]
    public DateTimeOffset? To { get; init; }

    /// <summary>
    /// One of messages, readings, bytes_stored, readings_deleted, bytes_deleted, device_hours, webhook_calls, exports; all when absent.
    /// </summary>
    /// <example>messages</example>
    [FromQuery(Name = "meter")]
    public string? Meter { get; init; }

    /// <summary>How long a point is: hour, day (as when absent) or month, in UTC; at most 5,000 of them.</summary>
    /// <example>day</example>
    [FromQuery(Name = "bucket")]
    public string? Bucket { get; init; }

    /// <summary>The answer to what cannot be asked; null when all can, with whole hours, the meters and the bucket.</summary>
    internal ProblemResult? Refuse(DateTimeOffset now, out (DateTime From, DateTime To, string[] Meters, string Bucket) asked)
    {
        asked = default;
        if ((To ?? now).UtcDateTime is var end && (end <= s_earliest || end > s_latest))
        {
            return Problem.BadRequest("to", "Must lie between 1970 and 2200");
        }

        var last = end.AddTicks(-1);
        var from = From?.UtcDateTime ?? new DateTime(last.Year, last.Month, 1, 0, 0, 0, DateTimeKind.Utc);
        if (from >= end || from < s_earliest)
        {
            return Problem.BadRequest("from", from < s_earliest ? "Must lie between 1970 and 2200" : "Must be before to");
        }

        if (Meter is not null && !Meters.All.Contains(Meter))
        {
            return Problem.BadRequest("meter", $"Must be one of {string.Join(", ", Meters.All)}");
        }

        from = Ledger.LedgerTurn.Hour(from);
        var to = Ledger.LedgerTurn.Hour(last).AddHours(1);
        var points = Bucket switch
        {
            "hour" => (to - from).TotalHours,
            null or "day" => (to - from.Date).TotalDays,
            "month" => ((to.Year - from.Year) * 12) + to.Month - from.Month + 1,
            _ => 0,
        };
        if (points == 0)
        {
            return Problem.BadRequest("bucket", "Must be hour, day or month");
        }

        if (points > Most)
        {
            return Problem.BadRequest("bucket", string.Create(
                CultureInfo.InvariantCulture, $"{Bucket ?? "day"} makes {Math.Ceiling(points):N0} points of this range, and {Most:N0} is the most"));
        }

        asked = (from, to, Meter is null ? Meters.All : [Meter], Bucket ?? "day");
        return null;
    }
}
