using EasySmart.Ingestion.Parsing;

namespace EasySmart.Ingestion;

/// <summary>
/// Gives every message a microsecond of its own. A reading without <c>ts</c> is identified by its arrival, which must be free for its
/// device and slot; one that nobody else in this process was given needs no bookkeeping per slot.
/// </summary>
internal sealed class ArrivalClock(TimeProvider clock)
{
    private long _last;

    public long Next()
    {
        var now = ReadingTime.Micros(clock.GetUtcNow());
        while (true)
        {
            var last = Volatile.Read(ref _last);
            // Also when the system's clock is set back.
            var next = Math.Max(now, last + 1);
            if (Interlocked.CompareExchange(ref _last, next, last) == last)
            {
                return next;
            }
        }
    }
}
