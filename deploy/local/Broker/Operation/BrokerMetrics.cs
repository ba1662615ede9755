using System.Diagnostics.Metrics;

namespace EasySmart.Broker;

/// <summary>What the broker counts. Plain fields on the message path; they are read when somebody scrapes.</summary>
internal sealed class BrokerMetrics : IDisposable
{
    public const string MeterName = "EasySmart.Broker";

    private readonly Meter _meter;
    private readonly Counter<long> _dropped;
    private readonly Counter<long> _denied;
    private readonly Counter<long> _eventsTold;
    private readonly Counter<long> _eventsDropped;
    private readonly Histogram<double> _authentication;
    private long _received;
    private long _delivered;
    private long _held;

    public BrokerMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _meter.CreateObservableCounter("easysmart_broker_messages_received", () => Interlocked.Read(ref _received),
            description: "PUBLISH packets from clients.");
        _meter.CreateObservableCounter("easysmart_broker_messages_delivered", () => Interlocked.Read(ref _delivered),
            description: "PUBLISH packets to clients, repeats included.");
        _meter.CreateObservableUpDownCounter("easysmart_broker_publishers_held", () => Interlocked.Read(ref _held),
            description: "Connections whose messages wait for a session or for room in its queue.");
        _dropped = _meter.CreateCounter<long>("easysmart_broker_messages_dropped",
            description: "Messages that a session will not get, by reason.");
        _denied = _meter.CreateCounter<long>("easysmart_broker_denied",
            description: "Publishes, subscriptions and wills that the ACL forbids.");
        _eventsTold = _meter.CreateCounter<long>("easysmart_broker_events_told", description: "Client events that their receiver took.");
        _eventsDropped = _meter.CreateCounter<long>("easysmart_broker_events_dropped",
            description: "Client events that nobody will hear of, by reason.");
        _authentication = _meter.CreateHistogram("easysmart_broker_authentication_duration", "s", "Time to an answer of the authenticator.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5] });
    }

    public long PublishersHeld => Interlocked.Read(ref _held);

    public void Observe(Connections connections, SessionStore sessions, ClientEvents events)
    {
        _meter.CreateObservableUpDownCounter("easysmart_broker_connections", () => connections.Count, description: "Connected clients.");
        _meter.CreateObservableUpDownCounter("easysmart_broker_sessions", () => sessions.Count, description: "Sessions, connected or not.");
        _meter.CreateObservableUpDownCounter("easysmart_broker_events_waiting", () => events.Count,
            description: "Client events that their receiver has not taken yet.");
        _meter.CreateObservableUpDownCounter("easysmart_broker_queue_depth",
            () => sessions.Services().Select(s => new Measurement<int>(s.Depth, new KeyValuePair<string, object?>("session", s.ClientId))),
            description: "Messages that a service's session waits for or has not acknowledged.");
    }

    public void Received() => Interlocked.Increment(ref _received);

    public void Delivered(int messages) => Interlocked.Add(ref _delivered, messages);

    public void Held(int change) => Interlocked.Add(ref _held, change);

    public void Dropped(int messages, string reason) => _dropped.Add(messages, new KeyValuePair<string, object?>("reason", reason));

    public void Denied(string action) => _denied.Add(1, new KeyValuePair<string, object?>("action", action));

    public void EventsTold() => _eventsTold.Add(1);

    public void EventsDropped(string reason) => _eventsDropped.Add(1, new KeyValuePair<string, object?>("reason", reason));

    public void Authenticated(TimeSpan duration, LoginResult result) => _authentication.Record(
        duration.TotalSeconds, new KeyValuePair<string, object?>("result", result.ToString().ToLowerInvariant()));

    public void Dispose() => _meter.Dispose();
}
