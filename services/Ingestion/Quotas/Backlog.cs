using EasySmart.Contracts.Quotas;
using EasySmart.Ingestion.Parsing;

namespace EasySmart.Ingestion.Quotas;

/// <summary>
/// A device's late messages, which count for no minute of now: it may send what its quota allowed in the last 30 days, as fast as it likes, but
/// the quota of each minute only once. Nobody who was offline meets a limit; who marks all as late to have none gets no more than the quota.
/// </summary>
/// <remarks>Each instance counts for itself, in memory: after a start everything is allowed again. Times are microseconds since 1970.</remarks>
internal sealed class Backlog
{
    private const int Minutes = 30 * 24 * 60;
    private readonly Lock _lock = new();

    // Of the minutes before, the quota is used.
    private long _usedUntil;
    private int _level;

    /// <summary>Length of its window.</summary>
    public const int Seconds = Minutes * MinuteWindow.Seconds;

    /// <summary>Counts a message, unless there is no quota left for it.</summary>
    /// <param name="now">The time.</param>
    /// <param name="quota">Messages a minute; 0 is without limit.</param>
    /// <param name="crossed">How far up it is used now, in percent, if that is to be told of; else 0.</param>
    public bool TryTake(long now, int quota, out int crossed)
    {
        crossed = 0;
        if (quota == 0)
        {
            return true;
        }

        lock (_lock)
        {
            var next = Math.Max(_usedUntil, now - Length(quota)) + Each(quota);
            var fits = next <= now;
            if (fits)
            {
                _usedUntil = next;
            }

            var most = Most(quota);
            var level = QuotaLevel.Next(_level, fits ? UsedAt(now, quota) : most, most);
            crossed = level > _level ? level : 0;
            _level = level;
            return fits;
        }
    }

    /// <summary>How many messages of <see cref="Most"/> are used, and when none of them is any more; null when none is.</summary>
    public (long Used, DateTimeOffset? WholeAt) At(long now, int quota)
    {
        lock (_lock)
        {
            return quota > 0 && UsedAt(now, quota) is var used and > 0 ? (used, ReadingTime.Of(_usedUntil + Length(quota))) : (0, null);
        }
    }

    /// <summary>How many messages the quota allows in the window.</summary>
    public static long Most(int quota) => (long)quota * Minutes;

    /// <summary>Seconds until the quota allows one more.</summary>
    public static int RetrySeconds(int quota) => (int)Math.Ceiling(Each(quota) / 1e6);

    // One that is free again in part is used.
    private long UsedAt(long now, int quota) => (Math.Max(0, _usedUntil - (now - Length(quota))) + Each(quota) - 1) / Each(quota);

    // A message's part of a minute is in whole microseconds: of a quota that does not divide a minute the window is shorter by seconds, so that it
    // allows no message more.
    private static long Length(int quota) => Most(quota) * Each(quota);

    private static long Each(int quota) => Math.Max(1, MinuteWindow.Micros / quota);
}
