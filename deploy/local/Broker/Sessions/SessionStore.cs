using MQTTnet.Packets;

namespace EasySmart.Broker;

/// <summary>The sessions by client id: made, resumed, taken over, expired. One lock; nothing here is on a message's path.</summary>
internal sealed partial class SessionStore(
    Router router, ClientEvents events, BrokerOptions options, TimeProvider time, BrokerMetrics metrics,
    ILogger<SessionStore> logger)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Session> _sessions = new(StringComparer.Ordinal);

    /// <returns>
    /// The session, whether it was there before, the connection that had it or its client id until now, and the will of
    /// a session that ended by this.
    /// </returns>
    public (Session Session, bool Present, Connection? Before, MqttPublishPacket? Will) Attach(Connection connection, bool cleanStart)
    {
        lock (_gate)
        {
            var (client, present) = (connection.Client, true);
            MqttPublishPacket? will = null;
            Connection? discarded = null;
            if (_sessions.TryGetValue(client.Id, out var session)
                && (cleanStart || session.UserName != client.UserName || session.End?.At <= time.GetUtcNow()))
            {
                discarded = End(session, DisconnectReasons.Discarded, out will);
                session = null;
            }

            var before = session?.Connection;
            events.Disconnected(before, DisconnectReasons.TakenOver);
            events.Connected(client);
            if (session is null)
            {
                present = false;
                var length = Session.IsServiceId(client.Id) ? options.ServiceQueueLength : options.DeviceQueueLength;
                session = new Session(client.Id, client.UserName, length, time) { Client = client, CreatedAt = client.ConnectedAt };
                _sessions.Add(client.Id, session);
            }

            session.Attach(connection);
            (session.Client, session.End) = (client, null);
            return (session, present, before ?? discarded, will);
        }
    }

    /// <param name="connection">The connection that ended.</param>
    /// <param name="will">What to publish after <paramref name="willDelay"/>, unless the client is back by then.</param>
    /// <param name="willDelay">MQTT 5; never beyond the session's end.</param>
    /// <returns>The will, when it is due now.</returns>
    public MqttPublishPacket? Detach(Connection connection, MqttPublishPacket? will, TimeSpan willDelay)
    {
        lock (_gate)
        {
            var session = connection.Session;
            var delayed = will is not null && willDelay > TimeSpan.Zero;
            if (!session.Detach(connection))
            {
                // Its session has ended, or is another connection's now: then the client is back in time.
                return delayed && !session.IsForgotten ? null : will;
            }

            events.Disconnected(connection, DisconnectReasons.Failed);
            var expiry = connection.Client.ExpiryInterval;
            if (expiry == 0)
            {
                Close(session);
                return will;
            }

            var now = time.GetUtcNow();
            var lifetime = TimeSpan.FromSeconds(expiry);
            session.End = new(
                expiry == uint.MaxValue ? DateTimeOffset.MaxValue : now + lifetime,
                delayed ? will : null,
                now + (willDelay < lifetime ? willDelay : lifetime));
            return delayed ? null : will;
        }
    }

    /// <summary>Ends a session at once, connected or not, with all that waits in it.</summary>
    /// <param name="clientId">Whose.</param>
    /// <param name="connection">The connection that had it, to be closed.</param>
    /// <param name="will">Set when one waited for a connection that had gone.</param>
    /// <returns>Whether there was one.</returns>
    public bool Kick(string clientId, out Connection? connection, out MqttPublishPacket? will)
    {
        lock (_gate)
        {
            (connection, will) = (null, null);
            if (!_sessions.TryGetValue(clientId, out var session))
            {
                return false;
            }

            connection = End(session, DisconnectReasons.Kicked, out will);
            return true;
        }
    }

    public ClientEntry? Find(string clientId)
    {
        lock (_gate)
        {
            return _sessions.TryGetValue(clientId, out var session) ? ClientEntry.Of(session) : null;
        }
    }

    /// <returns>The page that is asked for, by client id as from EMQX, and how many there are on all pages.</returns>
    public (IReadOnlyList<ClientEntry> Page, int Count) Find(ClientQuery query)
    {
        lock (_gate)
        {
            var found = _sessions.Values.Where(query.Matches).OrderBy(s => s.ClientId, StringComparer.Ordinal).ToArray();
            var skip = (int)Math.Min((query.Page - 1L) * query.Limit, found.Length);
            return ([.. found.Skip(skip).Take(query.Limit).Select(ClientEntry.Of)], found.Length);
        }
    }

    /// <summary>Ends the sessions whose time has come; returns the wills that are due.</summary>
    public IReadOnlyList<(string ClientId, MqttPublishPacket Will)> Sweep()
    {
        var now = time.GetUtcNow();
        List<(string, MqttPublishPacket)> wills = [];
        lock (_gate)
        {
            foreach (var session in _sessions.Values.ToArray())
            {
                if (session.End is not { } end)
                {
                    continue;
                }

                if (end.Will is not null && end.WillDue <= now)
                {
                    wills.Add((session.ClientId, end.Will));
                    session.End = end with { Will = null };
                }

                if (end.At <= now)
                {
                    Close(session);
                }
            }
        }

        return wills;
    }

    public IReadOnlyList<Session> Services()
    {
        lock (_gate)
        {
            return [.. _sessions.Values.Where(s => s.IsService)];
        }
    }

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _sessions.Count;
            }
        }
    }

    private Connection? End(Session session, string reason, out MqttPublishPacket? will)
    {
        var connection = session.Connection;
        will = session.End?.Will;
        events.Disconnected(connection, reason);
        if (connection is not null)
        {
            session.Detach(connection);
        }

        Close(session);
        return connection;
    }

    private void Close(Session session)
    {
        _sessions.Remove(session.ClientId);
        router.Forget(session);
        if (session.Close() is > 0 and var lost)
        {
            metrics.Dropped(lost, "session_ended");
            LogLost(session.ClientId, lost);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Session {ClientId} ended with {Lost} messages that it had not acknowledged")]
    private partial void LogLost(string clientId, int lost);
}
