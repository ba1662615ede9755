using NodaTime;
using NodaTime.TimeZones;

namespace EasySmart.TelemetryQuery.Aggregates;

/// <summary>The days that a range touches, as the clocks of a time zone tell them: 23 or 25 hours long where these are changed.</summary>
internal sealed class LocalDays
{
    // A day begins when its date is told first: after the gap where midnight is skipped, and before the clock is put back.
    private static readonly ZoneLocalMappingResolver s_earliest =
        Resolvers.CreateMappingResolver(Resolvers.ReturnEarlier, Resolvers.ReturnStartOfIntervalAfter);

    private readonly Instant _from;
    private readonly Instant _to;

    // Every day's beginning, and the end of the last.
    private readonly List<Instant> _days = [];

    public LocalDays(Instant from, Instant to, DateTimeZone zone)
    {
        (_from, _to) = (from, to);
        for (var date = from.InZone(zone).Date; _days.Count == 0 || _days[^1] < to; date = date.PlusDays(1))
        {
            var start = zone.ResolveLocal(date.AtMidnight(), s_earliest).ToInstant();
            // Where a clock that is put back over midnight tells the day before once more (St. John's until 2011), the new one has begun.
            if (start <= from)
            {
                _days.Clear();
            }

            // Not a date that was never told: Samoa had no 30 December 2011.
            if (_days.Count == 0 || start > _days[^1])
            {
                _days.Add(start);
            }
        }
    }

    public int Count => _days.Count - 1;

    /// <summary>How many buckets the range touches when every day is cut from its beginning into pieces this long, the last ending with the day.</summary>
    public long CountPieces(Duration length)
    {
        var count = 0L;
        for (var day = 0; day < Count; day++)
        {
            var (first, end) = PiecesOf(day, length);
            count += end - first;
        }

        return count;
    }

    /// <summary>The beginnings of those buckets; the first may be before the range.</summary>
    public IEnumerable<Instant> Pieces(Duration length)
    {
        for (var day = 0; day < Count; day++)
        {
            var (first, end) = PiecesOf(day, length);
            for (var piece = first; piece < end; piece++)
            {
                yield return _days[day] + (length * piece);
            }
        }
    }

    /// <summary>The beginnings of buckets of so many days each, counted from the first.</summary>
    public IEnumerable<Instant> Groups(int length)
    {
        for (var day = 0; day < Count; day += length)
        {
            yield return _days[day];
        }
    }

    private (long First, long End) PiecesOf(int day, Duration length)
    {
        var (start, step) = (_days[day], length.BclCompatibleTicks);
        var first = (Instant.Max(_from, start) - start).BclCompatibleTicks / step;
        var past = (Instant.Min(_to, _days[day + 1]) - start).BclCompatibleTicks;
        return (first, (past + step - 1) / step);
    }
}
