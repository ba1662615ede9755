using EasySmart.Contracts.Quotas;
using EasySmart.Ingestion.Parsing;

namespace EasySmart.Ingestion.Quotas;

/// <summary>What the table holds of a device's minute, of all instances together.</summary>
/// <param name="Minute">Minutes since 1970.</param>
/// <param name="Messages">How many were taken.</param>
/// <param name="Refused">How many were refused for there being too many.</param>
/// <param name="Level">How far up it was told that the quota is used, in percent.</param>
internal readonly record struct MinuteRow(long Minute, long Messages, long Refused, int Level);

/// <summary>
/// A device's messages of one minute (UTC). This instance's own are known exactly; those of the others as of the last commit that wrote ours:
/// that adds what is new of ours to the table, and brings back the total of all.
/// </summary>
/// <remarks>Times are microseconds since 1970. Messages are counted from many threads, commits come one after the other.</remarks>
internal sealed class MinuteWindow
{
    public const int Seconds = 60;

    /// <summary>Ours are written when they are this part of what the quota leaves, and once a second: so much at most the others do not know of.</summary>
    public const int Share = 8;

    /// <summary>A minute's length.</summary>
    public const long Micros = Seconds * Second;

    private const long Second = 1_000_000;
    private readonly Lock _lock = new();
    private long _minute;
    private MinuteCount _taken;
    private MinuteCount _refused;
    private long _writtenAt;
    private int _level;
    private (int Level, long Used) _untold;
    private WaitedMessages _waited;

    /// <summary>What the minute before came to, in percent and messages, when it ended before a commit could tell of that; 0 when there is nothing to tell.</summary>
    public (int Level, long Used) Untold
    {
        get
        {
            lock (_lock)
            {
                return _untold;
            }
        }
    }

    /// <summary>
    /// Counts a message, as taken, or as refused when there are <paramref name="max"/> already; 0 is without limit. One that may have waited
    /// through an outage is taken as well, and counts for no minute.
    /// </summary>
    /// <returns>The minute that it counts for, or 0, and how many it has taken.</returns>
    public (long Minute, long Used) Take(long now, long max, Outages outages, out bool taken)
    {
        lock (_lock)
        {
            // A clock that was a little ahead has begun the minute; one that was set back begins it again.
            if (now / Micros is var minute && (minute > _minute || minute < _minute - 1))
            {
                Begin(minute, max);
            }

            taken = max == 0 || _taken.Total < max;
            if (!taken && outages.Recent() is { } outage && _waited.TryTake(outage, max))
            {
                taken = true;
                return (0, _taken.Total);
            }

            (taken ? ref _taken : ref _refused).Own++;
            return (_minute, _taken.Total);
        }
    }

    /// <summary>One that was taken is not stored after all.</summary>
    public void GiveBack(long minute)
    {
        lock (_lock)
        {
            if (minute == _minute)
            {
                _taken.Own--;
            }
        }
    }

    /// <summary>A start: the others of the minute are those that the table tells of.</summary>
    public void Resume(MinuteRow row)
    {
        lock (_lock)
        {
            if (_minute == 0)
            {
                (_minute, _taken.Others, _refused.Others, _level) = (row.Minute, row.Messages, row.Refused, row.Level);
            }
        }
    }

    /// <summary>What a commit of some more should add to the table; null when that can wait, or when the minute is over.</summary>
    public (long Taken, long Refused)? Due(long minute, int taken, int refused, long now, long max)
    {
        lock (_lock)
        {
            var fresh = _taken.Unwritten + taken;
            var isDue = now / Second != _writtenAt || (max > 0 && fresh > 0
                && (fresh * Share >= max - _taken.Total || QuotaLevel.Next(QuotaLevel.None, _taken.Total, max) > _level));
            return minute == _minute && isDue ? (fresh, _refused.Unwritten + refused) : null;
        }
    }

    /// <summary>They are committed, and wait to be written with others.</summary>
    public void Committed(long minute, int taken, int refused)
    {
        lock (_lock)
        {
            if (minute == _minute)
            {
                _taken.Unwritten += taken;
                _refused.Unwritten += refused;
            }
        }
    }

    /// <summary>What was <see cref="Due"/> is in the table, which told what it holds now.</summary>
    public void Written(MinuteRow row, (long Taken, long Refused) added, long now)
    {
        lock (_lock)
        {
            if (row.Level >= _untold.Level)
            {
                _untold = default;
            }

            if (row.Minute == _minute)
            {
                _taken.Write(added.Taken, row.Messages);
                _refused.Write(added.Refused, row.Refused);
                (_writtenAt, _level) = (now / Second, row.Level);
            }
        }
    }

    /// <summary>How many messages the minute has taken and refused, as far as memory and the table know.</summary>
    public (long Used, long Refused) At(long now, MinuteRow? row)
    {
        lock (_lock)
        {
            var minute = now / Micros;
            var (taken, refused) = minute == _minute ? (_taken, _refused) : (default, default);
            var told = row is { } one && one.Minute == minute ? one : default;
            return (Math.Max(taken.Total, told.Messages + taken.Own - taken.InTable), Math.Max(refused.Total, told.Refused + refused.Own - refused.InTable));
        }
    }

    private void Begin(long minute, long max)
    {
        // Its last messages may be on their way to a commit, which will not be about this minute any more.
        if (QuotaLevel.Next(QuotaLevel.None, _taken.Total, max) is var level && level > Math.Max(_level, _untold.Level))
        {
            _untold = (level, _taken.Total);
        }

        (_minute, _taken, _refused, _level) = (minute, default, default, 0);
    }

    /// <summary>The end of a minute.</summary>
    public static DateTimeOffset EndOf(long minute) => ReadingTime.Of((minute + 1) * Micros);

    /// <summary>The minute as the database has it.</summary>
    public static DateTime TimeOf(long minute) => ReadingTime.Of(minute * Micros).UtcDateTime;

    /// <summary>And back.</summary>
    public static long MinuteOf(DateTime time) => ReadingTime.Micros(time) / Micros;
}
