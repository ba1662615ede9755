namespace EasySmart.Broker;

/// <summary>
/// The time of a client's events in milliseconds, each later than the client's one before: who comes back within a
/// millisecond, or after the machine's clock was put back, must not look as if it had come before it went.
/// </summary>
internal sealed class ClientClock(TimeProvider time)
{
    private const int Many = 4_096;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _last = new(StringComparer.Ordinal);
    private long _newest;

    public long Next(string clientId)
    {
        lock (_gate)
        {
            _newest = Math.Max(_newest, time.GetUtcNow().ToUnixTimeMilliseconds());
            if (_last.Count >= Many)
            {
                // Nothing is given out any more that is not later than these.
                foreach (var (id, at) in _last)
                {
                    if (at < _newest)
                    {
                        _last.Remove(id);
                    }
                }
            }

            return _last[clientId] = _last.TryGetValue(clientId, out var before) && before >= _newest ? before + 1 : _newest;
        }
    }
}
