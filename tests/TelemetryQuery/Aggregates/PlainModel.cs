using NodaTime;

namespace EasySmart.TelemetryQuery.Tests.Aggregates;

/// <summary>What is asked of a series.</summary>
public sealed record Question(
    DateTime From, DateTime To, string? Bucket, int? Points, IReadOnlyList<string>? Functions, string? Fill, string? Zone, bool ByLabel);

/// <summary>One bucket as it should be told; null for what it has no number for.</summary>
public sealed record ModelPoint(DateTime Time, IReadOnlyDictionary<string, double?> Values);

/// <summary>
/// Aggregates in the most obvious way, slow and without a thought of rollups: walks through the range minute by minute to find its days, and
/// through all numbers for each bucket. Of time zones it takes only what a clock shows at a moment.
/// </summary>
public static class PlainModel
{
    private static readonly (string Name, int Minutes)[] s_ladder =
    [
        ("1m", 1), ("5m", 5), ("10m", 10), ("15m", 15), ("30m", 30), ("1h", 60), ("2h", 120), ("3h", 180), ("4h", 240), ("6h", 360), ("8h", 480), ("12h", 720),
    ];

    public static IReadOnlyList<string> Ladder { get; } = [.. s_ladder.Select(bucket => bucket.Name), "1d"];

    /// <summary>The name of the buckets and where each begins and ends.</summary>
    public static (string Name, List<(DateTime Start, DateTime End)> Buckets) Buckets(Question question)
    {
        var days = Days(question);
        if (question.Bucket is null or "auto")
        {
            foreach (var name in Ladder)
            {
                var buckets = Cut(days, name, question);
                if (buckets.Count <= (question.Points ?? 500))
                {
                    return (name, buckets);
                }
            }

            var many = 2;
            while (Merge(days, many).Count > (question.Points ?? 500))
            {
                many++;
            }

            return ($"{many}d", Merge(days, many));
        }

        return (question.Bucket, Cut(days, question.Bucket, question));
    }

    /// <summary>The answer's points.</summary>
    public static List<ModelPoint> Points(
        Question question, IReadOnlyList<(DateTime Start, DateTime End)> buckets, IEnumerable<(DateTime Time, double Value)> numbers)
    {
        var functions = question.Functions ?? ["avg", "min", "max", "count"];
        var inRange = numbers.Where(n => n.Time >= question.From && n.Time < question.To).OrderBy(n => n.Time).ToList();
        var filled = buckets.Select(bucket => inRange.Where(n => n.Time >= bucket.Start && n.Time < bucket.End).Select(n => n.Value).ToList()).ToList();
        var points = new List<ModelPoint>();
        for (var i = 0; i < buckets.Count; i++)
        {
            if (filled[i].Count == 0 && question.Fill is null or "none")
            {
                continue;
            }

            points.Add(new ModelPoint(
                buckets[i].Start, functions.ToDictionary(f => f, f => filled[i].Count > 0 ? Compute(f, filled[i]) : Filled(f, i))));
        }

        return points;

        double? Filled(string function, int i)
        {
            if (function is "count" or "sum")
            {
                return 0;
            }

            var before = Enumerable.Range(0, i).Where(j => filled[j].Count > 0).Select(j => (int?)j).LastOrDefault();
            var after = Enumerable.Range(i, buckets.Count - i).Where(j => filled[j].Count > 0).Select(j => (int?)j).FirstOrDefault();
            if (question.Fill == "previous" && before is { } previous)
            {
                return Compute(function, filled[previous]);
            }

            if (question.Fill == "linear" && before is { } left && after is { } right)
            {
                var (a, b) = (Compute(function, filled[left]), Compute(function, filled[right]));
                var whole = (buckets[right].Start - buckets[left].Start).TotalSeconds;
                return a + ((b - a) * ((buckets[i].Start - buckets[left].Start).TotalSeconds / whole));
            }

            return null;
        }
    }

    private static double Compute(string function, List<double> values) => function switch
    {
        "avg" => values.Sum() / values.Count,
        "min" => values.Min(),
        "max" => values.Max(),
        "sum" => values.Sum(),
        "count" => values.Count,
        "first" => values[0],
        "last" => values[^1],
        "p95" => Percentile(values),
        _ => throw new ArgumentException(function),
    };

    private static double Percentile(List<double> values)
    {
        var sorted = values.Order().ToList();
        var place = 0.95 * (sorted.Count - 1);
        var below = (int)Math.Floor(place);
        return below + 1 < sorted.Count ? sorted[below] + ((place - below) * (sorted[below + 1] - sorted[below])) : sorted[below];
    }

    // A day begins with the first minute of which the clock shows a date that it has never shown before.
    private static List<(DateTime Start, DateTime End)> Days(Question question)
    {
        var zone = DateTimeZoneProviders.Tzdb[question.Zone ?? "UTC"];
        var starts = new List<DateTime>();
        LocalDate? newest = null;
        var minute = new DateTime(question.From.Year, question.From.Month, question.From.Day, 0, 0, 0, DateTimeKind.Utc).AddDays(-3);
        for (; starts.Count == 0 || starts[^1] < question.To; minute = minute.AddMinutes(1))
        {
            var date = Instant.FromDateTimeUtc(minute).InZone(zone).Date;
            if (newest is null || date > newest)
            {
                if (newest is not null)
                {
                    starts.Add(minute);
                }

                newest = date;
            }
        }

        return [.. starts.Zip(starts.Skip(1)).Where(day => day.Second > question.From && day.First < question.To)];
    }

    private static List<(DateTime Start, DateTime End)> Cut(List<(DateTime Start, DateTime End)> days, string bucket, Question question)
    {
        if (bucket == "1d")
        {
            return days;
        }

        var minutes = s_ladder.Single(b => b.Name == bucket).Minutes;
        var pieces = new List<(DateTime Start, DateTime End)>();
        foreach (var (start, end) in days)
        {
            for (var piece = start; piece < end; piece = piece.AddMinutes(minutes))
            {
                var until = piece.AddMinutes(minutes) < end ? piece.AddMinutes(minutes) : end;
                if (until > question.From && piece < question.To)
                {
                    pieces.Add((piece, until));
                }
            }
        }

        return pieces;
    }

    private static List<(DateTime Start, DateTime End)> Merge(List<(DateTime Start, DateTime End)> days, int many) =>
        [.. days.Chunk(many).Select(group => (group[0].Start, group[^1].End))];
}
