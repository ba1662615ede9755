using MQTTnet.Packets;

namespace EasySmart.Broker;

/// <summary>
/// What was sent and is not acknowledged, never more than the client's Receive Maximum. Guarded by its session's lock.
/// </summary>
internal sealed class Window
{
    private readonly Dictionary<ushort, InFlight> _unacknowledged = [];
    private readonly Queue<InFlight> _again = new();
    private int _most;
    private int _outstanding;
    private ushort _lastIdentifier;
    private long _lastSequence;

    /// <summary>Also those that are to be sent again.</summary>
    public int Count => _unacknowledged.Count;

    public bool IsFull => _outstanding >= _most || (_again.Count == 0 && _unacknowledged.Count >= ushort.MaxValue);

    /// <summary>These go before anything new.</summary>
    public bool HasRepeats => _again.Count > 0;

    /// <summary>On a new connection all starts again, in the order of the first time.</summary>
    public void Open(int most)
    {
        (_most, _outstanding) = (most, 0);
        _again.Clear();
        foreach (var message in _unacknowledged.Values.OrderBy(m => m.Sequence))
        {
            message.Sent = false;
            message.Packet.Dup = true;
            _again.Enqueue(message);
        }
    }

    public MqttPacket Repeat()
    {
        var message = _again.Dequeue();
        message.Sent = true;
        _outstanding++;
        return message.Released ? new MqttPubRelPacket { PacketIdentifier = message.Packet.PacketIdentifier } : message.Packet;
    }

    public ushort NextIdentifier()
    {
        do
        {
            _lastIdentifier++;
        }
        while (_lastIdentifier == 0 || _unacknowledged.ContainsKey(_lastIdentifier));
        return _lastIdentifier;
    }

    public void Add(MqttPublishPacket packet)
    {
        _unacknowledged.Add(packet.PacketIdentifier, new InFlight(packet, ++_lastSequence) { Sent = true });
        _outstanding++;
    }

    /// <returns>Whether this made room where there was none.</returns>
    public bool Acknowledge(ushort identifier)
    {
        if (!_unacknowledged.TryGetValue(identifier, out var message) || !message.Sent)
        {
            return false;
        }

        var wasFull = IsFull;
        _unacknowledged.Remove(identifier);
        _outstanding--;
        return wasFull;
    }

    /// <summary>After PUBREC it is PUBREL that is repeated, not the message.</summary>
    public bool Release(ushort identifier) =>
        _unacknowledged.TryGetValue(identifier, out var message) && message.Sent && (message.Released = true);

    public void Clear()
    {
        _unacknowledged.Clear();
        _again.Clear();
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
