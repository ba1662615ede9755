using MQTTnet.Packets;

namespace EasySmart.Broker;

/// <summary>The sessions by client id: made, resumed, taken over, expired. One lock; nothing here is on a message's path.</summary>
internal sealed partial class SessionStore(
    Router router, BrokerOptions options, TimeProvider time, BrokerMetrics metrics, ILogger<SessionStore> logger)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Session> _sessions = new(StringComparer.Ordinal);

    public (Session Session, bool Present, Connection? Before) Attach(Connection connection, bool cleanStart)
    {
        lock (_gate)
        {
            Connection? before = null;
            if (_sessions.TryGetValue(connection.ClientId, out var session)
                && (cleanStart || session.UserName != connection.UserName || session.End?.At <= time.GetUtcNow()))
            {
                before = session.Attach(connection);
                Close(session);
                session = null;
            }

            var present = session is not null;
            if (session is null)
            {
                var length = Session.IsServiceId(connection.ClientId) ? options.ServiceQueueLength : options.DeviceQueueLength;
                session = new Session(connection.ClientId, connection.UserName, length, time);
                _sessions.Add(connection.ClientId, session);
            }

            before = session.Attach(connection) ?? before;
            session.End = null;
            return (session, present, before);
        }
    }

    /// <param name="connection">The connection that ended.</param>
    /// <param name="lifetime">How long its session outlives it; <c>TimeSpan.MaxValue</c> is for ever.</param>
    /// <param name="will">What to publish after <paramref name="willDelay"/>, unless the client is back by then.</param>
    /// <param name="willDelay">MQTT 5; never beyond the session's end.</param>
    /// <returns>The will, when it is due now.</returns>
    public MqttPublishPacket? Detach(Connection connection, TimeSpan lifetime, MqttPublishPacket? will, TimeSpan willDelay)
    {
        lock (_gate)
        {
            var session = connection.Session;
            if (!session.Detach(connection))
            {
                return will; // Taken over: the session is another connection's now.
            }

            if (lifetime <= TimeSpan.Zero)
            {
                Close(session);
                return will;
            }

            var now = time.GetUtcNow();
            var delayed = will is not null && willDelay > TimeSpan.Zero;
            session.End = new(
                lifetime == TimeSpan.MaxValue ? DateTimeOffset.MaxValue : now + lifetime,
                delayed ? will : null,
                now + (willDelay < lifetime ? willDelay : lifetime));
            return delayed ? null : will;
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
