using EasySmart.ServiceDefaults;

namespace EasySmart.TelemetryQuery.Aggregates;

/// <summary>What is told of a bucket without a number.</summary>
internal enum Fill
{
    None,
    Null,
    Previous,
    Linear,
}

internal static class FillGaps
{
    public static bool TryRead(string text, out Fill fill)
    {
        foreach (var each in Enum.GetValues<Fill>())
        {
            if (Json.Naming.ConvertName(each.ToString()) == text)
            {
                fill = each;
                return true;
            }
        }

        fill = default;
        return false;
    }

    /// <summary>The points of an answer, from those of the buckets that hold a number.</summary>
    public static List<AggregatePoint> Fill(AggregatePlan plan, AggregatePoint?[] buckets)
    {
        if (plan.Fill == Aggregates.Fill.None)
        {
            return [.. buckets.OfType<AggregatePoint>()];
        }

        var points = new List<AggregatePoint>(buckets.Length);
        var (before, after) = (-1, 0);
        for (var bucket = 0; bucket < buckets.Length; bucket++)
        {
            if (buckets[bucket] is { } full)
            {
                before = bucket;
                points.Add(full);
                continue;
            }

            while (after < buckets.Length && (after < bucket || buckets[after] is null))
            {
                after++;
            }

            var empty = new AggregatePoint(plan.Asked) { Time = plan.Starts[bucket], Sum = 0, Count = 0 };
            points.Add(plan.Fill switch
            {
                Aggregates.Fill.Previous when before >= 0 => buckets[before]! with { Time = empty.Time, Sum = 0, Count = 0 },
                Aggregates.Fill.Linear when before >= 0 && after < buckets.Length => Between(buckets[before]!, buckets[after]!, empty),
                _ => empty,
            });
        }

        return points;
    }

    private static AggregatePoint Between(AggregatePoint before, AggregatePoint after, AggregatePoint empty)
    {
        var part = (empty.Time - before.Time) / (after.Time - before.Time);
        return empty with
        {
            Avg = Between(before.Avg, after.Avg),
            Min = Between(before.Min, after.Min),
            Max = Between(before.Max, after.Max),
            First = Between(before.First, after.First),
            Last = Between(before.Last, after.Last),
            P95 = Between(before.P95, after.P95),
        };

        double? Between(double? from, double? to) => from + ((to - from) * part);
    }
}
