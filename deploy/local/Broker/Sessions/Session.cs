using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

internal enum EnqueueResult
{
    Enqueued,
    Dropped,
    Closed,
}

/// <summary>
/// What the broker keeps for one client id: what waits, and what was sent and is not acknowledged. Messages keep
/// their packet identifier when they are sent again with DUP, which is how ingestion tells a repeat from a new reading.
/// </summary>
internal sealed class Session(string clientId, int queueLength, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Queue<Delivery> _waiting = new();
    private readonly SortedList<long, InFlight> _resend = [];
    private readonly Dictionary<ushort, InFlight> _unacknowledged = [];
    private readonly HashSet<ushort> _received = [];
    private readonly int _highWater = Math.Max(1, (int)(queueLength * 0.9));
    private readonly int _lowWater = (int)(queueLength * 0.8);
    private TaskCompletionSource? _room;
    private Connection? _connection;
    private bool _closed;
    private int _outstanding;
    private ushort _lastIdentifier;
    private long _lastSequence;

    public string ClientId { get; } = clientId;

    /// <summary>A service's queue is never dropped from: who publishes to it waits.</summary>
    public bool IsService { get; } = clientId.StartsWith("service/", StringComparison.Ordinal);

    /// <summary>By filter; guarded by the router.</summary>
    public Dictionary<string, Subscription> Subscriptions { get; } = [];

    // These three are guarded by the session store.
    public DateTimeOffset? ExpiresAt { get; set; }

    public MqttPublishPacket? Will { get; set; }

    public DateTimeOffset WillDue { get; set; }

    public bool IsConnected => Volatile.Read(ref _connection) is not null;

    public int Depth
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count + _unacknowledged.Count;
            }
        }
    }

    /// <summary>Not null while a service's queue is above its high-water mark; completes when it is below the low one.</summary>
    public Task? Room => Volatile.Read(ref _room)?.Task;

    public EnqueueResult Enqueue(in Delivery delivery)
    {
        Connection? connection;
        lock (_gate)
        {
            if (_closed)
            {
                return EnqueueResult.Closed;
            }

            var depth = _waiting.Count + _unacknowledged.Count + 1;
            if (IsService)
            {
                if (depth >= _highWater)
                {
                    _room ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
                }
            }
            else if (depth > queueLength)
            {
                return EnqueueResult.Dropped;
            }

            _waiting.Enqueue(delivery);
            // With the client's window full there is nothing to do before its next acknowledgement.
            connection = delivery.QualityOfService == MqttQualityOfServiceLevel.AtMostOnce || _outstanding < _connection?.ReceiveMaximum
                ? _connection
                : null;
        }

        connection?.Outbound.Wake();
        return EnqueueResult.Enqueued;
    }

    /// <summary>Takes what may be sent now: no more unacknowledged messages than the client's Receive Maximum allows.</summary>
    public int Take(Connection by, List<MqttPacket> packets, int most, out int expired)
    {
        expired = 0;
        lock (_gate)
        {
            if (_connection != by)
            {
                return 0;
            }

            while (packets.Count < most && _resend.Count > 0 && _outstanding < by.ReceiveMaximum)
            {
                var again = _resend.GetValueAtIndex(0);
                _resend.RemoveAt(0);
                again.Sent = true;
                _outstanding++;
                packets.Add(again.Released ? new MqttPubRelPacket { PacketIdentifier = again.Packet.PacketIdentifier } : again.Packet);
            }

            while (packets.Count < most && _resend.Count == 0 && _waiting.TryPeek(out var next))
            {
                var acknowledged = next.QualityOfService > MqttQualityOfServiceLevel.AtMostOnce;
                if (acknowledged && (_outstanding >= by.ReceiveMaximum || _unacknowledged.Count >= ushort.MaxValue))
                {
                    break;
                }

                _waiting.Dequeue();
                var secondsLeft = 0U;
                if (next.ExpiresAt > 0)
                {
                    var left = next.ExpiresAt - time.GetUtcNow().ToUnixTimeSeconds();
                    if (left <= 0)
                    {
                        expired++;
                        continue;
                    }

                    secondsLeft = (uint)left;
                }

                var packet = next.ToPacket(acknowledged ? NextIdentifier() : (ushort)0, secondsLeft);
                if (acknowledged)
                {
                    _unacknowledged.Add(packet.PacketIdentifier, new InFlight(packet, ++_lastSequence) { Sent = true });
                    _outstanding++;
                }

                packets.Add(packet);
            }

            MakeRoom();
            return packets.Count;
        }
    }

    /// <summary>PUBACK, PUBCOMP, or a PUBREC that refuses.</summary>
    public void Acknowledge(Connection by, ushort identifier)
    {
        var wasFull = false;
        lock (_gate)
        {
            if (_connection != by || !_unacknowledged.TryGetValue(identifier, out var message) || !message.Sent)
            {
                return;
            }

            _unacknowledged.Remove(identifier);
            wasFull = _outstanding-- == by.ReceiveMaximum;
            MakeRoom();
        }

        if (wasFull)
        {
            by.Outbound.Wake();
        }
    }

    /// <summary>PUBREC: from here on PUBREL is repeated, not the message.</summary>
    public bool Release(Connection by, ushort identifier)
    {
        lock (_gate)
        {
            if (_connection != by || !_unacknowledged.TryGetValue(identifier, out var message) || !message.Sent)
            {
                return false;
            }

            message.Released = true;
            return true;
        }
    }

    /// <returns>The connection that had this session until now.</returns>
    public Connection? Attach(Connection connection)
    {
        lock (_gate)
        {
            var before = _connection;
            _connection = connection;
            _outstanding = 0;
            _resend.Clear();
            foreach (var message in _unacknowledged.Values)
            {
                message.Sent = false;
                message.Packet.Dup = true;
                _resend.Add(message.Sequence, message);
            }

            return before;
        }
    }

    public bool Detach(Connection connection)
    {
        lock (_gate)
        {
            if (_connection != connection)
            {
                return false;
            }

            _connection = null;
            return true;
        }
    }

    /// <returns>How many messages end with the session.</returns>
    public int Close()
    {
        lock (_gate)
        {
            _closed = true;
            var lost = _waiting.Count + _unacknowledged.Count;
            _waiting.Clear();
            _unacknowledged.Clear();
            _resend.Clear();
            MakeRoom();
            return lost;
        }
    }

    /// <summary>A QoS 2 message from the client.</summary>
    /// <returns>False when it is here already and its PUBREL has not come.</returns>
    public bool TryReceive(ushort identifier)
    {
        lock (_received)
        {
            return _received.Add(identifier);
        }
    }

    public bool Forget(ushort identifier)
    {
        lock (_received)
        {
            return _received.Remove(identifier);
        }
    }

    private void MakeRoom()
    {
        if (_room is not null && _waiting.Count + _unacknowledged.Count <= _lowWater)
        {
            _room.SetResult();
            _room = null;
        }
    }

    private ushort NextIdentifier()
    {
        do
        {
            _lastIdentifier++;
        }
        while (_lastIdentifier == 0 || _unacknowledged.ContainsKey(_lastIdentifier));
        return _lastIdentifier;
    }

    private sealed class InFlight(MqttPublishPacket packet, long sequence)
    {
        public MqttPublishPacket Packet => packet;

        public long Sequence => sequence;

        /// <summary>On the connection that is there now.</summary>
        public bool Sent { get; set; }

        public bool Released { get; set; }
    }
}
