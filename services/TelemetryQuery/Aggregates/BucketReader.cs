using EasySmart.ServiceDefaults.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace EasySmart.TelemetryQuery.Aggregates;

/// <summary>
/// Computes a series' buckets, exactly: from the rollups the whole quarter hours that are rolled up, and from the readings those that are
/// due again, the ends of the range, and all that is newer. One statement, so one snapshot.
/// </summary>
/// <remarks>
/// How far the rollups are and which quarters are due comes from the call before, as parameters: a plan that has to find it out itself holds
/// every day's chunk of the range, with a lock on each (100 ms for a year, against 10). It stays right: what is rolled up stays so, and of a
/// mark that came in between, outside the bounds that were planned for, the statement itself tells. It is then asked again for the whole range.
/// </remarks>
internal sealed class BucketReader(NpgsqlDataSource database, Guid tenant, Series series)
{
    /// <summary>The buckets that hold a number, each at its place; null for the others.</summary>
    public async Task<AggregatePoint?[]> ReadAsync(AggregatePlan plan, CancellationToken cancellation) =>
        await ReadAsync(plan, series.DueFrom, series.DueTo, cancellation)
        ?? await ReadAsync(plan, plan.From, plan.To, cancellation)
        ?? throw new InvalidOperationException("A quarter of the range is outside of it");

    // Null when a quarter is due that is not within those bounds.
    private async Task<AggregatePoint?[]?> ReadAsync(AggregatePlan plan, DateTime dueFrom, DateTime dueTo, CancellationToken cancellation)
    {
        var (rolledFrom, rolledTo) = RolledPart(plan);
        var query = new NpgsqlBatchCommand(Sql(plan.Asked));
        query.Parameters.Add(new() { Value = series.DeviceId });
        query.Parameters.Add(new() { Value = series.Slot });
        query.Parameters.Add(new() { Value = plan.Starts, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz });
        foreach (var time in new[] { plan.From, rolledFrom, rolledTo, plan.To, dueFrom, dueTo })
        {
            query.Parameters.Add(new() { Value = time });
        }

        var points = new AggregatePoint?[plan.Starts.Length];
        await using var reader = await database.QueryTenantAsync(tenant, query, cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            if (reader.GetBoolean(0))
            {
                return null;
            }

            if (!reader.IsDBNull(1))
            {
                var bucket = reader.GetInt32(1);
                points[bucket] = Point(reader, plan.Asked, plan.Starts[bucket]);
            }
        }

        return points;
    }

    // The whole quarters of the range that the rollups tell; where there are none, the range's end: then all before it is read from the readings.
    private (DateTime From, DateTime To) RolledPart(AggregatePlan plan)
    {
        var from = RollupQuarters.Ceiling(plan.From);
        var to = RollupQuarters.Floor(plan.To < series.RolledUntil ? plan.To : series.RolledUntil);
        return plan.FitsRollups && from < to ? (from, to) : (plan.To, plan.To);
    }

    // width_bucket finds a time's place among the buckets' beginnings.
    private static string Sql(AggregateFunctions asked)
    {
        const string Number = "value BETWEEN -1e300 AND 1e300";
        var columns = string.Join(", ", new (AggregateFunctions For, string Expression)[]
        {
            (AggregateFunctions.Sum | AggregateFunctions.Avg, "sum(sum)"),
            (AggregateFunctions.Min, "min(min)"),
            (AggregateFunctions.Max, "max(max)"),
            (AggregateFunctions.First, "first(first, time)"),
            (AggregateFunctions.Last, "last(last, time)"),
            (AggregateFunctions.P95, "percentile_cont(0.95) WITHIN GROUP (ORDER BY last)"),
        }.Select(column => (asked & column.For) == 0 ? "NULL::float8" : column.Expression));
        return $"""
            WITH due AS MATERIALIZED (
                SELECT DISTINCT quarter FROM tenant.rollups_due WHERE device_id = $1 AND slot = $2 AND quarter >= $5 AND quarter < $6),
            numbers AS (
                SELECT quarter AS time, count, sum, min, max, first, last FROM tenant.rollups
                WHERE device_id = $1 AND slot = $2 AND quarter >= $5 AND quarter < $6 AND quarter NOT IN (SELECT quarter FROM due)
                UNION ALL
                SELECT time, 1, value, value, value, value, value FROM tenant.readings
                WHERE device_id = $1 AND slot = $2 AND time >= $4 AND time < $5 AND {Number}
                UNION ALL
                SELECT time, 1, value, value, value, value, value FROM tenant.readings
                WHERE device_id = $1 AND slot = $2 AND time >= $6 AND time < $7 AND {Number}
                UNION ALL
                SELECT late.time, 1, value, value, value, value, value
                FROM due CROSS JOIN LATERAL (
                    SELECT time, value FROM tenant.readings
                    WHERE device_id = $1 AND slot = $2 AND time >= due.quarter AND time < due.quarter + interval '15 minutes'
                        AND time >= $8 AND time < $9 AND {Number}) AS late)
            SELECT EXISTS (SELECT FROM due WHERE quarter < $8 OR quarter >= $9), buckets.*
            FROM (SELECT) AS always LEFT JOIN (
                SELECT width_bucket(time, $3) - 1, sum(count)::bigint, {columns}
                FROM numbers GROUP BY 1) AS buckets ON true
            """;
    }

    private static AggregatePoint Point(NpgsqlDataReader reader, AggregateFunctions asked, DateTime start)
    {
        var (count, sum) = (reader.GetInt64(2), Number(3));
        return new AggregatePoint(asked)
        {
            Time = start,
            Avg = sum / count,
            Min = Number(4),
            Max = Number(5),
            Sum = sum,
            Count = count,
            First = Number(6),
            Last = Number(7),
            P95 = Number(8),
        };

        double? Number(int column) => reader.IsDBNull(column) ? null : reader.GetDouble(column);
    }
}
