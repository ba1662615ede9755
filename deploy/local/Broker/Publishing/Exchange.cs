using MQTTnet.Packets;

namespace EasySmart.Broker;

/// <summary>
/// Gives a message to every session that subscribed to it, or to none and says what to wait for: the session that
/// must hold telemetry, or room in a service's queue. So what is acknowledged to its publisher is never dropped.
/// </summary>
internal sealed partial class Exchange(
    Router router, RetainedMessages retained, BrokerOptions options, TimeProvider time, BrokerMetrics metrics, ILogger<Exchange> logger)
{
    public const string Telemetry = "tenants/+/devices/+/telemetry/#";

    [ThreadStatic]
    private static List<Subscription>? t_matches;

    private readonly LogPace _logFull = new(time);
    private readonly LogPace _logDropped = new(time);

    public bool MustBeHeld(string topic) => options.HoldUntilSession.Length > 0 && Topics.Covers(Telemetry, topic);

    /// <param name="message">Belongs to the exchange from here on; nobody changes it any more.</param>
    /// <param name="publisher">Client id.</param>
    /// <param name="mustBeHeld">Whether the session of Broker:HoldUntilSession has to get it.</param>
    /// <param name="subscribers">How many sessions got it.</param>
    /// <returns>Null when done, else what to wait for before asking again.</returns>
    public Task? TryPublish(MqttPublishPacket message, string publisher, bool mustBeHeld, out int subscribers)
    {
        if (!message.Retain)
        {
            return TryRoute(message, publisher, mustBeHeld, out subscribers);
        }

        lock (retained.Gate)
        {
            return TryRoute(message, publisher, mustBeHeld, out subscribers);
        }
    }

    public async Task PublishAsync(MqttPublishPacket message, string publisher, bool mustBeHeld, CancellationToken cancellation)
    {
        while (TryPublish(message, publisher, mustBeHeld, out _) is { } wait)
        {
            await wait.WaitAsync(cancellation);
        }
    }

    private Task? TryRoute(MqttPublishPacket message, string publisher, bool mustBeHeld, out int subscribers)
    {
        var changed = router.Changed;
        var matches = t_matches ??= [];
        matches.Clear();
        router.Match(message.Topic, matches);
        subscribers = matches.Count;
        Subscription? holder = null;
        foreach (var match in matches)
        {
            // Nobody waits for its own queue: it could not read on to empty it.
            if (match.Session.IsService && match.Session.Room is { } room && match.Session.ClientId != publisher)
            {
                LogFullSometimes(match.Session);
                return room;
            }

            if (mustBeHeld && holder is null && match.Session.ClientId == options.HoldUntilSession)
            {
                holder = match;
            }
        }

        var expiresAt = message.MessageExpiryInterval == 0 ? 0 : time.GetUtcNow().ToUnixTimeSeconds() + message.MessageExpiryInterval;
        // First the one that must have it: its session may just have ended.
        if (mustBeHeld && (holder is null || !Enqueue(message, holder, publisher, expiresAt)))
        {
            return changed;
        }

        if (message.Retain)
        {
            retained.Keep(message, expiresAt);
        }

        foreach (var match in matches)
        {
            if (!ReferenceEquals(match, holder))
            {
                Enqueue(message, match, publisher, expiresAt);
            }
        }

        return null;
    }

    private bool Enqueue(MqttPublishPacket message, Subscription to, string publisher, long expiresAt)
    {
        if (to.NoLocal && to.Session.ClientId == publisher)
        {
            return true;
        }

        var result = to.Session.Enqueue(new Delivery(message, to, to.RetainAsPublished && message.Retain, expiresAt));
        if (result == EnqueueResult.Dropped)
        {
            metrics.Dropped(1, "queue_full");
            LogDroppedSometimes(to.Session);
        }

        return result != EnqueueResult.Closed;
    }

    private void LogFullSometimes(Session session)
    {
        if (_logFull.IsTime())
        {
            LogFull(session.ClientId, session.Depth);
        }
    }

    private void LogDroppedSometimes(Session session)
    {
        if (_logDropped.IsTime())
        {
            LogDropped(session.ClientId, session.Depth);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Queue of {ClientId} is full with {Depth} messages: publishers wait")]
    private partial void LogFull(string clientId, int depth);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Queue of {ClientId} is full with {Depth} messages: new ones are dropped")]
    private partial void LogDropped(string clientId, int depth);
}
