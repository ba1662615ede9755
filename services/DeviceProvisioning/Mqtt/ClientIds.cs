namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>A session at the broker, as the broker's events told of it.</summary>
/// <param name="ClientId">Its client id.</param>
/// <param name="DeviceId">The device that logged in.</param>
/// <param name="Connected">False once it is gone and only its session is left.</param>
/// <param name="HeldUntil">When the broker drops the session of a client that is gone; null when it did so at once.</param>
public readonly record struct HeldClientId(string ClientId, Guid DeviceId, bool Connected, DateTimeOffset? HeldUntil);

/// <summary>
/// Which device holds which client id, so that no other device takes a live session over, and with it the subscriptions and messages that
/// wait there. A login takes the id for a moment, until the broker tells that the session is there; the session keeps it, also while it
/// waits for its client to come back. Safe for concurrent use; nothing here waits for anything.
/// </summary>
public sealed class ClientIds(TimeProvider clock)
{
    /// <summary>Longest client id of a device. What is remembered is bounded, so this must be.</summary>
    public const int MaxLength = 256;

    // From the answer to a login until its session is known. The event takes well under a second, but when a whole fleet comes at once.
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan SweepEvery = TimeSpan.FromSeconds(30);

    // Ids of a device that is not connected under them. One that comes with an ever new id loses its oldest, and nobody else's.
    private const int MostIdlePerDevice = 16;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Hold> _holds = new(StringComparer.Ordinal);
    private readonly Dictionary<Guid, List<string>> _idle = [];
    private DateTimeOffset _swept = clock.GetUtcNow();

    /// <summary>Ids that are held, in whatever way.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _holds.Count;
            }
        }
    }

    /// <summary>
    /// A device logs in: it has the id from now on for a moment, unless another device holds it. An empty id is nobody's: the broker makes
    /// one up.
    /// </summary>
    /// <returns>False when another device's session holds it, or it can be no device's.</returns>
    public bool TryTake(string clientId, Guid device)
    {
        // An id stands in the path of the broker's management API, where "." and ".." mean something else: it could not be shut out.
        if (clientId is "." or ".." || clientId.Length is 0 or > MaxLength)
        {
            return clientId.Length == 0;
        }

        var now = clock.GetUtcNow();
        lock (_gate)
        {
            Sweep(now);
            if (_holds.TryGetValue(clientId, out var hold) && hold.Until > now && hold.Device != device)
            {
                return false;
            }

            Set(clientId, (hold.Device == device ? hold : new Hold(device, false, default, default)) with { LeasedUntil = now + Lease });
            return true;
        }
    }

    /// <summary>The broker told that the device's session is there. May be called before that is committed: repeats do no harm.</summary>
    public void Connected(string clientId, Guid device) => Apply(clientId, device, connected: true, heldUntil: null);

    /// <summary>
    /// The broker told that the client is gone. Does nothing when the id is another device's by now. Not to be called for a session that
    /// was taken over or discarded: there is a new one of that id.
    /// </summary>
    public void Disconnected(string clientId, Guid device, DateTimeOffset? heldUntil)
    {
        lock (_gate)
        {
            if (_holds.TryGetValue(clientId, out var hold) && hold.Device == device)
            {
                Set(clientId, hold with { IsConnected = false, HeldUntil = heldUntil ?? default });
            }
        }
    }

    /// <summary>The session as the table has it by now, whichever instance wrote it. It outdoes what was known.</summary>
    public void Apply(string clientId, Guid device, bool connected, DateTimeOffset? heldUntil)
    {
        if (clientId.Length is 0 or > MaxLength)
        {
            return;
        }

        lock (_gate)
        {
            var leased = _holds.TryGetValue(clientId, out var hold) && hold.Device == device ? hold.LeasedUntil : default;
            Set(clientId, new Hold(device, connected, heldUntil ?? default, leased));
        }
    }

    /// <summary>There is no such session any more. A login a moment ago keeps the id for its moment.</summary>
    public void Remove(string clientId)
    {
        lock (_gate)
        {
            if (_holds.TryGetValue(clientId, out var hold))
            {
                Set(clientId, hold with { IsConnected = false, HeldUntil = default });
            }
        }
    }

    /// <summary>These are all the sessions that there are. Logins of the last moment stay.</summary>
    public void Load(IEnumerable<HeldClientId> sessions)
    {
        var all = sessions.ToDictionary(session => session.ClientId, StringComparer.Ordinal);
        lock (_gate)
        {
            foreach (var gone in _holds.Keys.Where(id => !all.ContainsKey(id)).ToList())
            {
                Remove(gone);
            }

            foreach (var session in all.Values)
            {
                Apply(session.ClientId, session.DeviceId, session.Connected, session.HeldUntil);
            }
        }
    }

    private void Set(string clientId, Hold hold)
    {
        Drop(clientId);
        if (hold.Until <= clock.GetUtcNow())
        {
            return;
        }

        _holds[clientId] = hold;
        if (hold.IsConnected)
        {
            return;
        }

        if (!_idle.TryGetValue(hold.Device, out var idle))
        {
            _idle[hold.Device] = idle = new(1);
        }

        if (idle.Count >= MostIdlePerDevice)
        {
            Drop(idle[0]);
        }

        idle.Add(clientId);
    }

    private void Drop(string clientId)
    {
        if (_holds.Remove(clientId, out var hold) && _idle.TryGetValue(hold.Device, out var idle) && idle.Remove(clientId) && idle.Count == 0)
        {
            _idle.Remove(hold.Device);
        }
    }

    private void Sweep(DateTimeOffset now)
    {
        if (now - _swept < SweepEvery)
        {
            return;
        }

        _swept = now;
        foreach (var over in _holds.Where(held => held.Value.Until <= now).Select(held => held.Key).ToList())
        {
            Drop(over);
        }
    }

    private readonly record struct Hold(Guid Device, bool IsConnected, DateTimeOffset HeldUntil, DateTimeOffset LeasedUntil)
    {
        public DateTimeOffset Until => IsConnected ? DateTimeOffset.MaxValue : HeldUntil > LeasedUntil ? HeldUntil : LeasedUntil;
    }
}
