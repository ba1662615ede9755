using Microsoft.Extensions.Options;

namespace EasySmart.Ingestion.Quotas;

/// <summary>A time in which this instance took no messages, so that they waited at the broker.</summary>
/// <param name="Number">Tells it from the one before.</param>
/// <param name="Length">How long it was, with others that were just before it.</param>
/// <param name="EndedAt">When, as the clock's timestamps count.</param>
internal sealed record Outage(int Number, TimeSpan Length, long EndedAt)
{
    /// <summary>How many messages of a device may have waited, within a quota: at its ends minutes of which it used all.</summary>
    public long MostWaited(long quota) => quota * ((long)Math.Ceiling(Length.TotalMinutes) + 1);
}

/// <summary>
/// When this instance was away, its database or its broker. What a device sent within its quota meanwhile comes all at once afterwards, and
/// must not be refused for that.
/// </summary>
internal sealed class Outages(IOptions<IngestionOptions> options, TimeProvider clock)
{
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(1);

    // For so long after its end it is taken into account: a backlog of a day is through by then.
    private static readonly TimeSpan s_remembered = TimeSpan.FromHours(1);

    private readonly TimeSpan _unnoticed = TimeSpan.FromSeconds(options.Value.OutageSeconds);
    private volatile Outage? _last;
    private long _alive = clock.GetTimestamp();

    /// <summary>Messages are taken and committed at this moment.</summary>
    /// <param name="before">For how long that had not been when the instance started.</param>
    public void Alive(TimeSpan before = default)
    {
        if (before + Away is var away && away > _unnoticed)
        {
            _last = After(away);
        }

        Volatile.Write(ref _alive, clock.GetTimestamp());
    }

    /// <summary>The outage from which messages may be coming now; null when there was none.</summary>
    public Outage? Recent() => Away is var away && away > _unnoticed ? After(away) : Remembered;

    private TimeSpan Away => clock.GetElapsedTime(Volatile.Read(ref _alive));

    private Outage? Remembered => _last is { } last && clock.GetElapsedTime(last.EndedAt) < s_remembered ? last : null;

    private Outage After(TimeSpan away)
    {
        var length = away + (Remembered?.Length ?? TimeSpan.Zero);
        return new Outage((_last?.Number ?? 0) + 1, length < s_longest ? length : s_longest, clock.GetTimestamp());
    }
}
