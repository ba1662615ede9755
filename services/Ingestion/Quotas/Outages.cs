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
/// When this instance took no messages from the broker: it, its database or its broker was away, or it could hold no more. What a device sent
/// within its quota meanwhile comes all at once afterwards, and must not be refused for that.
/// </summary>
internal sealed class Outages(IOptions<IngestionOptions> options, TimeProvider clock)
{
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(1);

    // For so long after its end it is taken into account: a backlog of a day is through by then.
    private static readonly TimeSpan s_remembered = TimeSpan.FromHours(1);

    private readonly TimeSpan _unnoticed = TimeSpan.FromSeconds(options.Value.OutageSeconds);
    private volatile Outage? _last;
    private volatile bool _caughtUp;
    private long _takenAt = clock.GetTimestamp();

    /// <summary>For how long messages may have been waiting at the broker.</summary>
    public TimeSpan Away => _caughtUp ? TimeSpan.Zero : clock.GetElapsedTime(Volatile.Read(ref _takenAt));

    /// <summary>The instance has started, and had taken nothing for so long.</summary>
    public void Started(TimeSpan before) => Volatile.Write(ref _takenAt, clock.GetTimestamp() - (long)(before.TotalSeconds * clock.TimestampFrequency));

    /// <summary>The broker's next packet is waited for.</summary>
    /// <param name="hasRoom">The broker may send more, so that nothing waits there.</param>
    public void Waiting(bool hasRoom)
    {
        // The one before may have taken long.
        Note();
        _caughtUp = hasRoom;
    }

    /// <summary>A packet was taken from the broker.</summary>
    public void Taken()
    {
        Note();
        Volatile.Write(ref _takenAt, clock.GetTimestamp());
        _caughtUp = false;
    }

    /// <summary>The connection is lost: what was waited for since the last packet may never have come.</summary>
    public void Lost() => _caughtUp = false;

    /// <summary>The outage from which messages may be coming now; null when there was none.</summary>
    public Outage? Recent() => Away is var away && away > _unnoticed ? After(away) : Remembered;

    private Outage? Remembered => _last is { } last && clock.GetElapsedTime(last.EndedAt) < s_remembered ? last : null;

    private void Note()
    {
        if (Away is var away && away > _unnoticed)
        {
            _last = After(away);
            Volatile.Write(ref _takenAt, clock.GetTimestamp());
        }
    }

    // One soon after another is the same that went on: what has come of it is not granted again.
    private Outage After(TimeSpan away)
    {
        var before = Remembered;
        var length = away + (before?.Length ?? TimeSpan.Zero);
        return new Outage(before?.Number ?? (_last?.Number ?? 0) + 1, length < s_longest ? length : s_longest, clock.GetTimestamp());
    }
}
