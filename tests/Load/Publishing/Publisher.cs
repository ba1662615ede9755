using System.Buffers.Binary;
using System.Text;

namespace EasySmart.Load;

/// <summary>One device that publishes, with so many messages at a time that are not acknowledged yet.</summary>
internal sealed class Publisher : IDisposable
{
    private const int PublishQoS0 = 0x30;
    private const int PublishQoS1 = 0x32;
    private const int PubAck = 0x40;
    private const int AckBytes = 4;

    private readonly Wire _wire;
    private readonly Behaviour _behaviour;
    private readonly byte[][] _topics;
    private readonly long[] _times;
    private readonly byte[] _out;
    private readonly byte[] _in = new byte[4096];
    private int _kept;
    private ushort _packet;
    private long _publishes;

    public Publisher(LoadDevice device, Wire wire, Behaviour behaviour)
    {
        (Device, _wire, _behaviour) = (device, wire, behaviour);
        _topics = [.. Enumerable.Range(0, behaviour.Slots).Select(slot => Encoding.ASCII.GetBytes($"{device.TopicPrefix}/slot/{slot}"))];
        _times = new long[behaviour.Slots];
        _out = new byte[behaviour.InFlight * (16 + _topics[^1].Length + Payloads.MostBytes)];
    }

    public LoadDevice Device { get; }

    public int Slots => _topics.Length;

    /// <summary>Hears of each message, by the number of its first reading, before it is sent.</summary>
    public Action<long>? OnPublish { get; init; }

    /// <summary>The number that its next reading will have.</summary>
    public long NextNumber => _publishes * Payloads.ReadingsOf(_behaviour.Shape);

    /// <summary>The number of a slot's last reading; null when there is none.</summary>
    public long? LastNumberOf(int slot)
    {
        var last = _publishes - 1 - (_publishes - 1 - slot + _topics.Length) % _topics.Length;
        return last < 0 ? null : (last + 1) * Payloads.ReadingsOf(_behaviour.Shape) - 1;
    }

    /// <summary>Publishes until <paramref name="ended"/>, and returns when all is acknowledged.</summary>
    public async Task RunAsync(Pace pace, Progress progress, CancellationToken ended)
    {
        var (sent, inFlight) = (0L, 0);
        // As fast as it goes means in halves of the window: a call to the system for each message would be most of the cost.
        var least = pace.IsOpen ? Math.Max(1, _behaviour.InFlight / 2) : 1;
        Task<int>? acknowledged = null;
        while (!ended.IsCancellationRequested)
        {
            var count = (int)Math.Min(_behaviour.InFlight - inFlight, pace.Due - sent);
            if (count >= least)
            {
                await _wire.SendAsync(Next(count));
                progress.Published(count);
                sent += count;
                if (_behaviour.QoS == 0)
                {
                    progress.Acknowledged(count);
                    await Task.Yield();
                    continue;
                }

                inFlight += count;
            }
            else if (inFlight == 0)
            {
                await Task.Delay(pace.Until(sent), CancellationToken.None);
            }
            else
            {
                acknowledged ??= AcknowledgedAsync();
                if (pace.IsOpen || inFlight == _behaviour.InFlight || await Task.WhenAny(acknowledged, Task.Delay(pace.Until(sent), CancellationToken.None)) == acknowledged)
                {
                    inFlight -= await TakeAsync();
                }
            }
        }

        while (inFlight > 0)
        {
            acknowledged ??= AcknowledgedAsync();
            inFlight -= await TakeAsync();
        }

        async Task<int> TakeAsync()
        {
            var count = await acknowledged;
            acknowledged = null;
            progress.Acknowledged(count);
            return count;
        }
    }

    public void Dispose() => _wire.Dispose();

    private ReadOnlyMemory<byte> Next(int count)
    {
        Span<byte> payload = stackalloc byte[Payloads.MostBytes];
        var at = 0;
        for (var i = 0; i < count; i++)
        {
            var slot = (int)(_publishes % _topics.Length);
            OnPublish?.Invoke(NextNumber);
            var length = Payloads.Write(payload, _behaviour.Shape, NextNumber, ref _times[slot]);
            Append(_topics[slot], payload[..length], ref at);
            _publishes++;
        }

        return _out.AsMemory(0, at);
    }

    private void Append(byte[] topic, ReadOnlySpan<byte> payload, ref int at)
    {
        var remaining = 2 + topic.Length + (_behaviour.QoS > 0 ? 2 : 0) + payload.Length;
        _out[at++] = (byte)(_behaviour.QoS > 0 ? PublishQoS1 : PublishQoS0);
        for (; remaining > 127; remaining >>= 7)
        {
            _out[at++] = (byte)(remaining | 128);
        }

        _out[at++] = (byte)remaining;
        BinaryPrimitives.WriteUInt16BigEndian(_out.AsSpan(at), (ushort)topic.Length);
        topic.CopyTo(_out, at + 2);
        at += 2 + topic.Length;
        if (_behaviour.QoS > 0)
        {
            _packet = _packet == ushort.MaxValue ? (ushort)1 : (ushort)(_packet + 1);
            BinaryPrimitives.WriteUInt16BigEndian(_out.AsSpan(at), _packet);
            at += 2;
        }

        payload.CopyTo(_out.AsSpan(at));
        at += payload.Length;
    }

    /// <summary>Waits for acknowledgements; the broker has nothing else to say to a device of MQTT 3.1.1 that only publishes.</summary>
    private async Task<int> AcknowledgedAsync()
    {
        while (true)
        {
            var length = _kept + await _wire.ReceiveAsync(_in, _kept);
            var count = length / AckBytes;
            for (var i = 0; i < count; i++)
            {
                if (_in[i * AckBytes] != PubAck)
                {
                    throw new InvalidDataException($"The broker sent a packet of type {_in[i * AckBytes] >> 4}");
                }
            }

            _kept = length % AckBytes;
            _in.AsSpan(length - _kept, _kept).CopyTo(_in);
            if (count > 0)
            {
                return count;
            }
        }
    }
}
