using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace EasySmart.BillingQuota.Usage;

/// <summary>
/// <c>GET /tenants/me/usage</c>: what the caller's tenant used, in points of an hour, a day or a month, from the ledger and what is not posted
/// yet. A point of which nothing was used is left out.
/// </summary>
internal static class GetUsage
{
    private const string Select =
        """
        SELECT meter, date_trunc($5, hour, 'UTC'), sum(amount)::bigint FROM usage_hours
        WHERE tenant_id = $1 AND meter = ANY($2) AND hour >= $3 AND hour < $4
        GROUP BY 1, 2 HAVING sum(amount) <> 0 ORDER BY 2
        """;

    public static async Task<Results<Ok<UsageReport>, ProblemResult>> HandleAsync(
        TenantScope tenant, [AsParameters] UsageQuery query, NpgsqlDataSource database, TimeProvider clock, CancellationToken cancellation)
    {
        if (query.Refuse(clock.GetUtcNow(), out var asked) is { } refused)
        {
            return refused;
        }

        var select = new NpgsqlBatchCommand(Select)
        {
            Parameters =
            {
                new() { Value = tenant.Id }, new() { Value = asked.Meters }, new() { Value = asked.From }, new() { Value = asked.To },
                new() { Value = asked.Bucket },
            },
        };
        var points = asked.Meters.ToDictionary(meter => meter, _ => new List<UsagePoint>());
        await using (var reader = await database.QueryTenantAsync(tenant.Id, select, cancellation))
        {
            while (await reader.ReadAsync(cancellation))
            {
                points[reader.GetString(0)].Add(new UsagePoint(reader.GetDateTime(1), reader.GetInt64(2)));
            }
        }

        return TypedResults.Ok(new UsageReport(
            tenant.Id, asked.From, asked.To, asked.Bucket,
            [.. asked.Meters.Select(meter => new MeterUsage(meter, points[meter].Sum(point => point.Amount), points[meter]))]));
    }
}

/// <summary>What a tenant used.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="From">Beginning of the range, at a whole hour. <example>2026-02-01T00:00:00Z</example></param>
/// <param name="To">Its end, not in it, at a whole hour. <example>2026-02-16T00:00:00Z</example></param>
/// <param name="Bucket">How long a point is: hour, day or month. <example>day</example></param>
/// <param name="Meters">What was asked for, of every meter.</param>
public sealed record UsageReport(Guid TenantId, DateTimeOffset From, DateTimeOffset To, string Bucket, IReadOnlyList<MeterUsage> Meters);

/// <summary>What was used of one meter.</summary>
/// <param name="Meter">The meter. <example>messages</example></param>
/// <param name="Total">How much in the range. <example>518400</example></param>
/// <param name="Points">In which hours, days or months, ascending; those without use are left out.</param>
public sealed record MeterUsage(string Meter, long Total, IReadOnlyList<UsagePoint> Points);

/// <summary>What was used in one hour, day or month.</summary>
/// <param name="Time">Its beginning, in UTC; also when that is before the range. <example>2026-02-15T00:00:00Z</example></param>
/// <param name="Amount">How much of it in the range. <example>34560</example></param>
public sealed record UsagePoint(DateTimeOffset Time, long Amount);
