using FsCheck;
using FsCheck.Fluent;

namespace EasySmart.TelemetryQuery.Tests.Aggregates;

/// <summary>When a reading is stored.</summary>
public enum Arrival
{
    /// <summary>Before its quarter hour is rolled up.</summary>
    InTime,

    /// <summary>After it; the quarter is due.</summary>
    Late,

    /// <summary>After it, and it has been rolled up again.</summary>
    LateAndRolledUpAgain,
}

/// <summary>A reading of one of the series that are kept beside each other.</summary>
/// <param name="Series">0 is the one that is asked for; the others have the same times and other values.</param>
/// <param name="Time">To the microsecond.</param>
/// <param name="Value">Null for a payload without a number.</param>
/// <param name="AsJson">Kept as JSON that says more than the number.</param>
/// <param name="Arrival">When it is stored.</param>
public sealed record StoredReading(int Series, DateTime Time, double? Value, bool AsJson, Arrival Arrival);

/// <summary>What is stored, how far it is rolled up, and what is asked.</summary>
public sealed record RollupCase(DateTime Anchor, DateTime RolledUntil, IReadOnlyList<StoredReading> Readings, IReadOnlyList<Question> Questions)
{
    // Where clocks are changed in uncommon ways; each with a moment near the change, so that all share few days' chunks.
    private static readonly (string Zone, DateTime Anchor)[] s_places =
    [
        ("America/Sao_Paulo", Utc(2018, 2, 18)), // Midnight back to 23:00.
        ("America/Sao_Paulo", Utc(2018, 11, 4)), // No midnight.
        ("Europe/Berlin", Utc(2025, 10, 26)),
        ("Europe/Berlin", Utc(2026, 3, 29)),
        ("Asia/Kathmandu", Utc(2026, 3, 29)), // +05:45.
        ("Australia/Lord_Howe", Utc(2025, 10, 5)), // By half an hour.
        ("Australia/Lord_Howe", Utc(2026, 4, 4)),
        ("UTC", Utc(2026, 3, 29)),
        ("Africa/Cairo", Utc(2025, 4, 25)), // No midnight.
        ("America/Havana", Utc(2025, 11, 2)), // Midnight twice.
        ("America/St_Johns", Utc(2010, 11, 7)), // From 00:01 back to the day before.
        ("Pacific/Apia", Utc(2011, 12, 30)), // No such day.
    ];

    public static Arbitrary<RollupCase> Any { get; } = Arb.From(
        from place in Gen.Elements(s_places)
        from rolled in Gen.Choose(-220, 320)
        from values in Gen.Elements(Values(huge: false), Values(huge: false), Values(huge: false), Values(huge: true))
        from scattered in Gen.ListOf(Reading(Times(place.Anchor), values))
        from bursts in Gen.ListOf(Burst(place.Anchor, values), 2)
        from questions in Gen.ListOf(Asked(place.Zone, place.Anchor), 5)
        select new RollupCase(
            place.Anchor, place.Anchor.AddMinutes(15 * rolled), [.. scattered.Concat(bursts.SelectMany(b => b)).DistinctBy(r => r.Time)], [.. questions]));

    private static DateTime Utc(int year, int month, int day) => new(year, month, day, 0, 0, 0, DateTimeKind.Utc);

    // From two days before to three after: anywhere, on a quarter's beginning, or a microsecond before it.
    private static Gen<DateTime> Times(DateTime anchor) =>
        from minute in Gen.Choose(-2 * 1440, 3 * 1440)
        from micro in Gen.Frequency((3, Gen.Choose(0, 59_999_999)), (1, Gen.Constant(0)), (2, Gen.Constant(-1)), (2, Gen.Constant(-2)))
        select micro switch
        {
            -1 => anchor.AddMinutes(minute / 15 * 15),
            -2 => anchor.AddMinutes(minute / 15 * 15).AddMicroseconds(-1),
            _ => anchor.AddMinutes(minute).AddMicroseconds(micro),
        };

    private static Gen<double?> Values(bool huge)
    {
        var eighths = Gen.Choose(-8_000, 8_000).Select(n => (double?)(n / 8.0));
        var beyond = Gen.Elements<double?>(1e301, -1e301, double.MaxValue);
        var none = Gen.Constant((double?)null);
        return huge
            ? Gen.Frequency((3, eighths), (3, Gen.Elements<double?>(1e300, -1e300)), (2, beyond), (1, none))
            : Gen.Frequency((12, eighths), (1, Gen.Elements<double?>(0.0, -0.0, 5e-324)), (1, beyond), (2, none));
    }

    private static Gen<StoredReading> Reading(Gen<DateTime> times, Gen<double?> values) =>
        from time in times
        from value in values
        from json in Gen.Elements(false, false, true)
        from arrival in Gen.Frequency((6, Gen.Constant(Arrival.InTime)), (2, Gen.Constant(Arrival.Late)), (1, Gen.Constant(Arrival.LateAndRolledUpAgain)))
        select new StoredReading(0, time, value, json, arrival);

    // Several in each quarter hour, or in each second.
    private static Gen<IEnumerable<StoredReading>> Burst(DateTime anchor, Gen<double?> values) =>
        from begin in Times(anchor)
        from seconds in Gen.Elements(1, 7, 60, 300)
        from readings in Gen.ListOf(Reading(Gen.Constant(begin), values))
        select readings.Select((reading, i) => reading with { Time = begin.AddSeconds(i * seconds) });

    private static Gen<Question> Asked(string zone, DateTime anchor) =>
        from start in Times(anchor)
        from early in Gen.Frequency((7, Gen.Constant(0)), (1, Gen.Choose(1, 300)))
        from minutes in Gen.OneOf(Gen.Choose(1, 120), Gen.Choose(60, 1500), Gen.Choose(1440, 6000), Gen.Choose(6000, 500_000))
        from micros in Gen.Frequency((2, Gen.Constant(0)), (1, Gen.Choose(0, 59_999_999)))
        from bucket in Gen.Frequency((3, Gen.Elements(null, "auto")), (5, Gen.Elements<string?>([.. PlainModel.Ladder])))
        from points in Gen.OneOf(Gen.Constant((int?)null), Gen.Choose(1, 12).Select(n => (int?)n), Gen.Choose(13, 5000).Select(n => (int?)n))
        from functions in Gen.Frequency(
            (3, Gen.SubListOf("avg", "min", "max", "sum", "count", "first", "last").Select(names => names.ToArray())),
            (1, Gen.Elements<string[]>([], ["p95", "count", "last"])))
        from fill in Gen.Elements(null, "none", "null", "previous", "linear")
        from label in Gen.Elements(false, true)
        let beginning = start.AddDays(-early)
        select new Question(
            beginning, beginning.AddMinutes(minutes).AddMicroseconds(micros).AddDays(early), bucket, points,
            functions.Length == 0 ? null : functions, fill, zone == "UTC" ? null : zone, label);
}
