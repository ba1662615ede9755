using System.ComponentModel.DataAnnotations;
using System.Globalization;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.TelemetryQuery.History;
using EasySmart.TelemetryQuery.Limits;
using EasySmart.TelemetryQuery.Values;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace EasySmart.TelemetryQuery.Aggregates;

/// <summary>
/// <c>GET /telemetry/aggregate</c>: a slot's numbers in buckets of time. A payload's number is its <c>value</c>, or the payload itself when it
/// is one; readings without a number, and numbers beyond 1e300, are left out. Always exact, readings of this moment and late ones included.
/// </summary>
internal static class GetAggregate
{
    private const long MostNumbersForP95 = 1_000_000;
    private const long MostNumbers = 5_000_000;

    // A day of one a second, and no more work than a year through the rollups.
    private const long FewNumbers = 100_000;

    /// <param name="slot">The slot, from 0 to 32767. <example>0</example></param>
    /// <param name="points">Most buckets that <c>bucket=auto</c> may make, from 1 to 5000; 500 when absent. <example>500</example></param>
    public static async Task<Results<Ok<Aggregate>, ProblemResult>> HandleAsync(
        TenantScope tenant, [AsParameters] DeviceSelector device, [Range(0, short.MaxValue)] short slot, [AsParameters] RangeQuery range,
        [AsParameters] AggregateQuery query,
        [Range(1, 5000)] int? points, NpgsqlDataSource database, HeavyReads heavy, TimeProvider clock, CancellationToken cancellation)
    {
        var noRange = range.Refuse(clock.GetUtcNow(), out var asked);
        if ((device.Fault ?? noRange) is { } fault)
        {
            return fault;
        }

        if (AggregatePlan.Refuse(asked, query, points, out var plan) is { } refused)
        {
            return refused;
        }

        if (await Series.FindAsync(database, tenant.Id, device, slot, plan, cancellation) is not { } series)
        {
            return DeviceSelector.NotFound;
        }

        var reader = new BucketReader(database, tenant.Id, series);
        var (found, refusal) = plan.FitsRollups ? (await reader.ReadAsync(plan, cancellation), null) : await FromReadingsAsync(heavy, tenant.Id, reader, plan, cancellation);
        return refusal is null
            ? TypedResults.Ok(new Aggregate(series.DeviceId, slot, plan.From, plan.To, plan.Bucket.Name, plan.Zone.Id, FillGaps.Fill(plan, found)))
            : refusal;
    }

    private static async Task<(AggregatePoint?[] Found, ProblemResult? Refusal)> FromReadingsAsync(
        HeavyReads heavy, Guid tenant, BucketReader reader, AggregatePlan plan, CancellationToken cancellation)
    {
        // Counted through the rollups, which costs little.
        var count = (await reader.ReadAsync(plan with { Starts = [plan.From], Asked = AggregateFunctions.Count }, cancellation))[0]?.Count ?? 0;
        if (RefuseMany(count, plan) is { } tooMany)
        {
            return ([], tooMany);
        }

        var (turn, none) = count > FewNumbers ? await heavy.EnterAggregateAsync(tenant, cancellation) : default;
        using (turn)
        {
            return none is null ? (await reader.ReadAsync(plan, cancellation), null) : ([], none);
        }
    }

    private static ProblemResult? RefuseMany(long count, AggregatePlan plan)
    {
        if (plan.Asked.HasFlag(AggregateFunctions.P95))
        {
            return count > MostNumbersForP95 ? TooMany("fn", "p95 is", MostNumbersForP95, "") : null;
        }

        return count > MostNumbers ? TooMany("bucket", $"{plan.Bucket.Name} buckets are", MostNumbers, ", or 15m or longer") : null;

        ProblemResult TooMany(string field, string what, long most, string instead) => Problem.BadRequest(field, string.Create(
            CultureInfo.InvariantCulture,
            $"{what} computed from the readings themselves: {count:N0} numbers in this range, and {most:N0} is the most; take a shorter range{instead}"));
    }
}

/// <summary>A slot's numbers in buckets.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="Slot">The slot. <example>0</example></param>
/// <param name="From">Beginning of the range.</param>
/// <param name="To">Its end, not in it.</param>
/// <param name="Bucket">How long a bucket is; whole days beyond one as <c>3d</c>. <example>1h</example></param>
/// <param name="Tz">Whose days are meant. <example>America/Sao_Paulo</example></param>
/// <param name="Points">The buckets, ascending.</param>
public sealed record Aggregate(
    Guid DeviceId, short Slot, DateTimeOffset From, DateTimeOffset To, string Bucket, string Tz, IReadOnlyList<AggregatePoint> Points);
