using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>
/// What the broker keeps for one client id: what waits, and what was sent and is not acknowledged. Messages keep
/// their packet identifier when they are sent again with DUP, which is how ingestion tells a repeat from a new reading.
/// </summary>
internal sealed class Session(string clientId, string userName, int queueLength, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Backlog _waiting = new(time);
    private readonly Window _window = new();
    private readonly WaterMarks _marks = new(queueLength);
    private Connection? _connection;
    private bool _closed;

    public string ClientId { get; } = clientId;

    /// <summary>A service's queue is never dropped from: who publishes to it waits.</summary>
    public bool IsService { get; } = IsServiceId(clientId);

    /// <summary>Whose it is: somebody else with the same client id must not inherit what waits in it.</summary>
    public string UserName { get; } = userName;

    // These two are guarded by the router; subscriptions by filter.
    public Dictionary<string, Subscription> Subscriptions { get; } = [];

    public bool IsForgotten { get; set; }

    public ReceivedIdentifiers Received { get; } = new();

    /// <summary>Its last login; guarded by the session store, as the next two.</summary>
    public required Client Client { get; set; }

    /// <summary>Milliseconds since 1970.</summary>
    public long CreatedAt { get; init; }

    /// <summary>Null while connected.</summary>
    public SessionEnd? End { get; set; }

    public Connection? Connection => Volatile.Read(ref _connection);

    public bool IsConnected => Connection is not null;

    /// <summary>What waits to be sent, and what was sent and is not acknowledged.</summary>
    public (int Waiting, int InFlight) Messages
    {
        get
        {
            lock (_gate)
            {
                return (_waiting.Count, _window.Count);
            }
        }
    }

    public int Depth
    {
        get
        {
            var (waiting, inFlight) = Messages;
            return waiting + inFlight;
        }
    }

    /// <summary>Not null while a service's queue is above its high-water mark; completes when it is below the low one.</summary>
    public Task? Room => _marks.Room;

    public static bool IsServiceId(string clientId) => clientId.StartsWith("service/", StringComparison.Ordinal);

    public EnqueueResult Enqueue(in Delivery delivery)
    {
        Connection? connection;
        lock (_gate)
        {
            if (_closed)
            {
                return EnqueueResult.Closed;
            }

            var depth = _waiting.Count + _window.Count + 1;
            if (!IsService && depth > queueLength)
            {
                return EnqueueResult.Dropped;
            }

            if (IsService)
            {
                _marks.Rise(depth);
            }

            _waiting.Add(delivery);
            // With the client's window full there is nothing to do before its next acknowledgement.
            connection = delivery.QualityOfService == MqttQualityOfServiceLevel.AtMostOnce || !_window.IsFull ? _connection : null;
        }

        connection?.Outbound.Wake();
        return EnqueueResult.Enqueued;
    }

    /// <summary>Takes what may be sent now.</summary>
    public void Take(Connection by, List<MqttPacket> packets, int most, out int expired)
    {
        expired = 0;
        lock (_gate)
        {
            if (_connection != by)
            {
                return;
            }

            while (packets.Count < most && _window.HasRepeats && !_window.IsFull)
            {
                packets.Add(_window.Repeat());
            }

            while (packets.Count < most && !_window.HasRepeats && _waiting.Next(_window, ref expired) is { } packet)
            {
                packets.Add(packet);
            }

            _marks.Fall(_waiting.Count + _window.Count);
        }
    }

    /// <summary>PUBACK, PUBCOMP, or a PUBREC that refuses.</summary>
    public void Acknowledge(Connection by, ushort identifier)
    {
        lock (_gate)
        {
            var opened = _connection == by && _window.Acknowledge(identifier);
            _marks.Fall(_waiting.Count + _window.Count);
            if (!opened)
            {
                return;
            }
        }

        by.Outbound.Wake();
    }

    /// <summary>PUBREC.</summary>
    public bool Release(Connection by, ushort identifier)
    {
        lock (_gate)
        {
            return _connection == by && _window.Release(identifier);
        }
    }

    /// <returns>The connection that had this session until now.</returns>
    public Connection? Attach(Connection connection)
    {
        lock (_gate)
        {
            var before = _connection;
            _connection = connection;
            _window.Open(connection.ReceiveMaximum);
            return before;
        }
    }

    public bool Detach(Connection connection)
    {
        lock (_gate)
        {
            var was = _connection == connection;
            _connection = was ? null : _connection;
            return was;
        }
    }

    /// <returns>How many messages end with the session.</returns>
    public int Close()
    {
        lock (_gate)
        {
            _closed = true;
            var lost = _waiting.Count + _window.Count;
            _waiting.Clear();
            _window.Clear();
            _marks.Fall(_waiting.Count + _window.Count);
            return lost;
        }
    }
}
