using Microsoft.AspNetCore.Mvc;

namespace EasySmart.TelemetryQuery.Aggregates;

/// <summary>What is asked of a series. <see cref="AggregatePlan"/> says what is wrong with it.</summary>
public sealed record AggregateQuery
{
    /// <summary>
    /// How long a bucket is: 1m, 5m, 10m, 15m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h, 1d, or auto (as when absent): the shortest of these that
    /// needs no more than <c>points</c>, else whole numbers of days. Every local day is cut from its beginning, and its last bucket ends
    /// with it. 1m, 5m and 10m are computed from the readings themselves, of at most 5,000,000 numbers.
    /// </summary>
    /// <example>1h</example>
    [FromQuery(Name = "bucket")]
    public string? Bucket { get; init; }

    /// <summary>
    /// What is told of each bucket's numbers, separated by commas: avg, min, max, sum, count, first, last, p95; avg,min,max,count when absent.
    /// p95 is computed from the readings themselves, of at most 1,000,000 numbers.
    /// </summary>
    /// <example>avg,min,max,count</example>
    [FromQuery(Name = "fn")]
    public string? Fn { get; init; }

    /// <summary>
    /// What is told of a bucket without a number: none (as when absent) leaves it out; null says null; previous repeats the last bucket before
    /// that has one; linear lies on the line between the buckets around it. Its count and sum are 0 in any case.
    /// </summary>
    /// <example>none</example>
    [FromQuery(Name = "fill")]
    public string? Fill { get; init; }

    /// <summary>The IANA time zone whose days are meant; UTC when absent.</summary>
    /// <example>America/Sao_Paulo</example>
    [FromQuery(Name = "tz")]
    public string? Tz { get; init; }
}
