using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace EasySmart.TelemetryQuery.Streams;

/// <summary>
/// One open stream. The hub puts into its channel what concerns it, without ever waiting; its request takes that out and sends it, and looks
/// into the database for what it may not have been told.
/// </summary>
internal sealed partial class Follower(
    Guid tenant, Followed followed, DateTimeOffset? resumeAt, Action abort, StreamHub hub, StoredReadings stored, StreamMetrics metrics, TimeProvider clock,
    ILogger logger)
{
    // As much as one commit may well hold: a device that was offline for a day must not cost those who follow it their stream.
    private const int Room = 10_000;
    private static readonly TimeSpan PingPeriod = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);
    private static readonly TimeSpan Oldest = TimeSpan.FromHours(1);
    private static readonly TimeSpan LongestEvent = TimeSpan.FromSeconds(30);

    private readonly Channel<Notice> _notices = Channel.CreateBounded<Notice>(new BoundedChannelOptions(Room) { SingleReader = true });
    private readonly TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _sendingSince = long.MaxValue;
    private StreamEnd? _end;
    private DateTimeOffset _position;

    public Guid Tenant => tenant;

    public bool Wants(LiveReading reading) => followed.Devices?.Contains(reading.Device) ?? true;

    /// <summary>Tells it something; one that does not keep up is dropped.</summary>
    public void Tell(Notice notice)
    {
        if (!_notices.Writer.TryWrite(notice))
        {
            End(StreamEnd.SlowReader);
        }
    }

    /// <summary>Ends it as soon as its client has read what is on its way, or without that when it takes too long.</summary>
    public void End(StreamEnd end)
    {
        if (Interlocked.CompareExchange(ref _end, end, null) is null)
        {
            metrics.Dropped(end.Code);
            _notices.Writer.TryComplete();
            _ = AbortAsync(end.Patience);
        }
    }

    /// <summary>Ends it when its client has taken in nothing for too long: no other limit of time holds while it is written to.</summary>
    public void EndIfStuck(DateTimeOffset now)
    {
        if (now.UtcTicks - LongestEvent.Ticks > Volatile.Read(ref _sendingSince))
        {
            End(StreamEnd.SlowReader);
        }
    }

    /// <summary>The stream's events until it ends, or until its client is gone.</summary>
    public async IAsyncEnumerable<SseItem<string>> FollowAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var next in EventsAsync(cancellation))
        {
            Volatile.Write(ref _sendingSince, clock.GetUtcNow().UtcTicks);
            yield return next;
            Volatile.Write(ref _sendingSince, long.MaxValue);
        }
    }

    private async IAsyncEnumerable<SseItem<string>> EventsAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        var opened = clock.GetUtcNow();
        _position = Position.Earlier(resumeAt ?? opened, opened);
        await BeginAsync(opened, cancellation);
        metrics.Opened();
        try
        {
            await hub.AddAsync(this, cancellation);
            yield return Event("ping", new Ping(followed.NotFound is { Count: > 0 } ids ? ids : null));
            var nextPing = opened + PingPeriod;
            while (_end is null)
            {
                var now = clock.GetUtcNow();
                if (now >= opened + Longest)
                {
                    End(StreamEnd.Expired);
                }
                else if (now >= nextPing)
                {
                    nextPing = now + PingPeriod;
                    Rest(now);
                    yield return Event("ping", new Ping(null));
                }
                else if (now >= _nextLook)
                {
                    var (found, gap) = await LookAsync(now, cancellation);
                    if (gap is not null)
                    {
                        yield return Event("gap", gap);
                    }

                    for (var i = 0; i < found.Count && _end is null; i++)
                    {
                        if (await EventOfAsync(found[i]) is { } missed)
                        {
                            yield return missed;
                        }
                    }
                }
                else if (!_notices.Reader.TryRead(out var notice))
                {
                    await WaitAsync(Position.Earlier(Position.Earlier(nextPing, _nextLook), opened + Longest) - now, cancellation);
                }
                else if (notice is LiveReading reading)
                {
                    if (await EventOfAsync(reading) is { } told)
                    {
                        yield return told;
                    }
                }
                else if (notice is Disturbance disturbance)
                {
                    LookSince(disturbance.Since ?? _position, now);
                }
            }

            yield return Event("end", _end);
        }
        finally
        {
            hub.Remove(this);
            metrics.Closed();
            _finished.SetResult();
        }
    }

    private async Task WaitAsync(TimeSpan atMost, CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(atMost, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        try
        {
            await _notices.Reader.WaitToReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // Something else is due.
        }
    }

    private async Task AbortAsync(TimeSpan patience)
    {
        try
        {
            await _finished.Task.WaitAsync(patience, clock);
        }
        catch (TimeoutException)
        {
            abort();
        }
    }
}
