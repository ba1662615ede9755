using System.Globalization;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.TelemetryQuery.History;
using NodaTime;

namespace EasySmart.TelemetryQuery.Aggregates;

/// <summary>A question that can be answered, and the buckets of its answer.</summary>
/// <param name="From">Beginning of the range, UTC as all times here.</param>
/// <param name="To">Its end, not in it.</param>
/// <param name="Zone">Whose days are meant.</param>
/// <param name="Bucket">How long a bucket is.</param>
/// <param name="Starts">Where the buckets begin, in order; the first at or before the range.</param>
/// <param name="Asked">What is told of each.</param>
/// <param name="Fill">What is told of those without a number.</param>
internal sealed record AggregatePlan(
    DateTime From, DateTime To, DateTimeZone Zone, Bucket Bucket, DateTime[] Starts, AggregateFunctions Asked, Fill Fill)
{
    private const int UsualPoints = 500;
    private const int MostPoints = 5_000;

    /// <summary>Whether the rollups' quarter hours add up to these buckets.</summary>
    public bool FitsRollups => !Asked.HasFlag(AggregateFunctions.P95) && Starts.Skip(1).All(start => start == RollupQuarters.Floor(start));

    /// <summary>The answer to what cannot be asked; null when all can, with the plan.</summary>
    public static ProblemResult? Refuse(TimeRange range, AggregateQuery query, int? points, out AggregatePlan plan)
    {
        plan = null!;
        var (from, to) = range;
        if (DateTimeZoneProviders.Tzdb.GetZoneOrNull(query.Tz ?? "UTC") is not { } zone)
        {
            return Problem.BadRequest("tz", "Must be an IANA time zone, such as America/Sao_Paulo");
        }

        var asked = query.Fn is null ? AggregateFunctions.Usual : FunctionNames.Read(query.Fn);
        if (asked == AggregateFunctions.None)
        {
            return Problem.BadRequest("fn", $"Must be some of {FunctionNames.All}, separated by commas");
        }

        if (!FillGaps.TryRead(query.Fill ?? "none", out var fill))
        {
            return Problem.BadRequest("fill", "Must be none, null, previous or linear");
        }

        var days = new LocalDays(Instant.FromDateTimeUtc(from), Instant.FromDateTimeUtc(to), zone);
        var bucket = query.Bucket is null or "auto" ? Bucket.Within(points ?? UsualPoints, days) : Bucket.Find(query.Bucket);
        if (bucket is null)
        {
            return Problem.BadRequest("bucket", $"Must be auto or one of {Bucket.All}");
        }

        var count = bucket.Count(days);
        if (count > MostPoints)
        {
            var enough = Bucket.Within(MostPoints, days);
            return Problem.BadRequest("bucket", string.Create(
                CultureInfo.InvariantCulture,
                $"{bucket.Name} makes {count:N0} points of this range, and {MostPoints:N0} is the most; {(enough.Days > 1 ? "auto" : enough.Name)} would do"));
        }

        plan = new AggregatePlan(from, to, zone, bucket, [.. bucket.Starts(days).Select(start => start.ToDateTimeUtc())], asked, fill);
        return null;
    }
}
