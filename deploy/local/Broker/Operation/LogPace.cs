namespace EasySmart.Broker;

/// <summary>Says what goes wrong a thousand times a second once in ten.</summary>
internal sealed class LogPace(TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private long _last = long.MinValue;

    public bool IsTime()
    {
        var now = time.GetTimestamp();
        var before = Volatile.Read(ref _last);
        return (before == long.MinValue || time.GetElapsedTime(before, now) > Interval)
            && Interlocked.CompareExchange(ref _last, now, before) == before;
    }
}
