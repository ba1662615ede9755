namespace EasySmart.TelemetryQuery.Streams;

/// <summary>
/// When and how a stream looks into the database. A reading is not told when its commit was made ready before ingestion heard that somebody
/// follows, or while a connection was away: so it looks a second after, when ingestion has heard for certain, and once more for a commit that
/// took long. Meanwhile it remembers what it has told, so that nothing comes twice.
/// </summary>
internal sealed partial class Follower
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan[] Pauses = [Soon, TimeSpan.FromSeconds(9)];

    private HashSet<(Guid Device, short Slot, DateTimeOffset Time)>? _told = [];
    private DateTimeOffset _nextLook = DateTimeOffset.MaxValue;
    private DateTimeOffset _lastLook;
    private DateTimeOffset _lookFrom;
    private int _looks;

    private bool IsAtRest => _nextLook == DateTimeOffset.MaxValue;

    /// <summary>What is there when the stream opens counts as told; what a resumed one has missed is looked for at once.</summary>
    private async Task BeginAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        LookSince(_position, now);
        if (resumeAt is not null)
        {
            (_nextLook, _looks) = (now, -1);
            return;
        }

        var (there, _) = await stored.SinceAsync(tenant, followed.Devices, _lookFrom - Position.Slack, cancellation);
        _told = [.. there.Select(reading => reading.Identity)];
    }

    /// <summary>Looks soon for what arrived since then.</summary>
    private void LookSince(DateTimeOffset since, DateTimeOffset now)
    {
        _lookFrom = IsAtRest ? Position.Earlier(since, _position) : Position.Earlier(Position.Earlier(since, _position), _lookFrom);
        (_nextLook, _looks) = (now + Pauses[0], 0);
        _told ??= [];
    }

    private async Task<(List<LiveReading> Found, Gap? Gap)> LookAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        var oldest = now - Oldest;
        var from = Position.Later(_lookFrom, oldest);
        try
        {
            var (found, more) = await stored.SinceAsync(tenant, followed.Devices, from - Position.Slack, cancellation);
            // Behind the position only what was committed late is looked for: most of it is told already.
            var gap = more && found[0].Received > from ? new Gap(_lookFrom, found[0].Received, "too_many")
                : _lookFrom < oldest ? new Gap(_lookFrom, oldest, "too_old") : null;
            (_lookFrom, _lastLook) = (now, now);
            _nextLook = ++_looks < Pauses.Length ? now + Pauses[_looks] : DateTimeOffset.MaxValue;
            return (found, gap);
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            LogLater(tenant, exception.Message);
            _nextLook = now + Soon;
            return ([], null);
        }
    }

    /// <summary>
    /// Nothing is on its way: what was announced long ago is told, so the position moves on though nothing happens, and what was told need
    /// not be remembered any more.
    /// </summary>
    private void Rest(DateTimeOffset now)
    {
        var heard = hub.HeardUntil - Position.Slack;
        if (!IsAtRest || _notices.Reader.TryPeek(out _))
        {
            return;
        }

        _position = Position.Later(_position, heard);
        if (now - _lastLook > Soon)
        {
            _told = null;
        }
    }
}
