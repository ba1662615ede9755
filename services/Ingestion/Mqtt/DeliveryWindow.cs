namespace EasySmart.Ingestion.Mqtt;

/// <summary>
/// What the broker has delivered and we have not acknowledged. It outlives a connection: what the broker delivers again on a resumed
/// session, while we still hold it, is the same message and not a second one. Acknowledged in the order of arrival, as MQTT wants it;
/// only what waits for its device steps out of the line, or one unknown device would stop all others.
/// </summary>
internal sealed class DeliveryWindow
{
    private readonly Lock _lock = new();
    private readonly Message?[] _byPacket = new Message?[ushort.MaxValue + 1];
    private readonly Queue<Message> _line = new();
    private TaskCompletionSource? _relief;
    private int _connection;
    private int _unacknowledged;
    private long _heldBytes;

    /// <summary>How many of those that are to be acknowledged are not.</summary>
    public int Unacknowledged => Volatile.Read(ref _unacknowledged);

    public long HeldBytes => Interlocked.Read(ref _heldBytes);

    /// <summary>A connection begins. Without the session packet identifiers mean something new, and nothing old can be acknowledged.</summary>
    public void Reconnected(bool sessionPresent)
    {
        lock (_lock)
        {
            _connection++;
            _line.Clear();
            if (!sessionPresent)
            {
                Array.Clear(_byPacket);
                _unacknowledged = 0;
            }
        }
    }

    /// <summary>The message that the broker delivers again while we hold it; it is acknowledged on this connection then.</summary>
    public bool TryRejoin(ushort packet, string topic, ReadOnlySpan<byte> payload)
    {
        lock (_lock)
        {
            if (_byPacket[packet] is not { } held || held.Topic != topic || !held.Payload.Span.SequenceEqual(payload))
            {
                return false;
            }

            held.Connection = _connection;
            _line.Enqueue(held);
            return true;
        }
    }

    /// <summary>A new message.</summary>
    public void Add(Message message)
    {
        Interlocked.Add(ref _heldBytes, message.Size);
        if (message.PacketId == 0)
        {
            return;
        }

        lock (_lock)
        {
            message.Connection = _connection;
            _unacknowledged += _byPacket[message.PacketId] is null ? 1 : 0;
            _byPacket[message.PacketId] = message;
            _line.Enqueue(message);
        }
    }

    /// <summary>Marks messages as committed.</summary>
    public void Committed(IReadOnlyList<Message> messages)
    {
        lock (_lock)
        {
            foreach (var message in messages)
            {
                message.Done = true;
                Interlocked.Add(ref _heldBytes, -message.Size);
            }

            _relief?.TrySetResult();
            _relief = null;
        }
    }

    /// <summary>Takes out what may be acknowledged now.</summary>
    /// <param name="committed">What was just committed, for those out of line.</param>
    /// <returns>Packet identifiers in their order.</returns>
    public List<ushort> TakeAcknowledgements(IReadOnlyList<Message> committed)
    {
        var packets = new List<ushort>();
        lock (_lock)
        {
            foreach (var message in committed)
            {
                if (message.OutOfLine)
                {
                    Take(message, packets);
                }
            }

            while (_line.TryPeek(out var first) && (first.Done || first.OutOfLine))
            {
                _line.Dequeue();
                if (first.Done)
                {
                    Take(first, packets);
                }
            }
        }

        return packets;
    }

    /// <summary>Completes when less than <paramref name="bytes"/> are held.</summary>
    public async ValueTask WaitBelowAsync(long bytes, CancellationToken cancellation)
    {
        while (HeldBytes >= bytes)
        {
            Task relief;
            lock (_lock)
            {
                if (HeldBytes < bytes)
                {
                    return;
                }

                relief = (_relief ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await relief.WaitAsync(cancellation);
        }
    }

    private void Take(Message message, List<ushort> packets)
    {
        // Once, and only on the connection that delivered it last.
        if (message.PacketId != 0 && message.Connection == _connection && ReferenceEquals(_byPacket[message.PacketId], message))
        {
            _byPacket[message.PacketId] = null;
            _unacknowledged--;
            packets.Add(message.PacketId);
        }
    }
}
