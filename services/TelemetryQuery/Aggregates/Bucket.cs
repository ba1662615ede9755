using NodaTime;

namespace EasySmart.TelemetryQuery.Aggregates;

/// <summary>A length of buckets: a part of a day, or whole local days.</summary>
/// <param name="Name">As it is asked for and told.</param>
/// <param name="Length">Of a part of a day.</param>
/// <param name="Days">How many days; 0 for a part of one.</param>
internal sealed record Bucket(string Name, Duration Length, int Days = 0)
{
    private static readonly Bucket[] s_ladder =
    [
        .. new[] { 1, 5, 10, 15, 30 }.Select(minutes => new Bucket($"{minutes}m", Duration.FromMinutes(minutes))),
        .. new[] { 1, 2, 3, 4, 6, 8, 12 }.Select(hours => new Bucket($"{hours}h", Duration.FromHours(hours))),
        OfDays(1),
    ];

    public static string All { get; } = string.Join(", ", s_ladder.Select(bucket => bucket.Name));

    public static Bucket? Find(string name) => Array.Find(s_ladder, bucket => bucket.Name == name);

    /// <summary>The shortest that needs no more than so many buckets.</summary>
    public static Bucket Within(long points, LocalDays days) =>
        Array.Find(s_ladder, bucket => bucket.Count(days) <= points) ?? OfDays((int)((days.Count + points - 1) / points));

    public long Count(LocalDays days) => Days > 0 ? (days.Count + Days - 1) / Days : days.CountPieces(Length);

    /// <summary>The beginnings of the buckets that the days' range touches.</summary>
    public IEnumerable<Instant> Starts(LocalDays days) => Days > 0 ? days.Groups(Days) : days.Pieces(Length);

    private static Bucket OfDays(int days) => new($"{days}d", Duration.Zero, days);
}
