using System.Buffers.Binary;
using System.Text;
using MQTTnet.Formatter;
using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Load;

/// <summary>
/// Takes the place of ingestion at the broker: its session, its subscription, its receive window. It only counts what comes, and
/// acknowledges all that one read brought in one write: less cannot be done with a message.
/// </summary>
internal sealed class CountingSubscriber : IDisposable
{
    private const string ClientId = "service/ingestion-1";
    private const string UserName = "service/ingestion";
    private const string Telemetry = "tenants/+/devices/+/telemetry/#";
    private const int ReceiveMaximum = 8000;
    private const int AckBytes = 4;

    private readonly Wire _wire;
    private readonly byte[] _in = new byte[256 * 1024];
    private readonly byte[] _out = new byte[ReceiveMaximum * AckBytes];
    private readonly TaskCompletionSource _subscribed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _count;
    private Task _reading = Task.CompletedTask;
    private volatile bool _leaving;

    private CountingSubscriber(Wire wire) => _wire = wire;

    public long Count => Interlocked.Read(ref _count);

    public static async Task<CountingSubscriber> OpenAsync(RunningFleet fleet, CancellationToken cancellation)
    {
        var wire = await Wire.OpenAsync(
            fleet,
            MqttProtocolVersion.V500,
            new MqttConnectPacket
            {
                ClientId = ClientId,
                Username = UserName,
                Password = Encoding.UTF8.GetBytes(fleet["EASYSMART_MQTT_INGESTION_PASSWORD"]),
                CleanSession = false,
                SessionExpiryInterval = (uint)TimeSpan.FromDays(7).TotalSeconds,
                ReceiveMaximum = ReceiveMaximum,
            },
            cancellation);
        var subscriber = new CountingSubscriber(wire);
        await wire.SendAsync(
            new MqttSubscribePacket
            {
                PacketIdentifier = 1,
                TopicFilters = [new MqttTopicFilter { Topic = Telemetry, QualityOfServiceLevel = MqttQualityOfServiceLevel.AtLeastOnce, RetainHandling = MqttRetainHandling.DoNotSendOnSubscribe }],
            },
            cancellation);
        subscriber._reading = Task.Run(subscriber.ReadAsync, CancellationToken.None);
        await subscriber._subscribed.Task.WaitAsync(TimeSpan.FromSeconds(30), cancellation);
        return subscriber;
    }

    /// <summary>Says good-bye; the broker keeps the session for ingestion.</summary>
    public async Task LeaveAsync()
    {
        _leaving = true;
        await _wire.SendAsync(new MqttDisconnectPacket { ReasonCode = MqttDisconnectReasonCode.NormalDisconnection }, CancellationToken.None);
        await _reading;
    }

    public void Dispose() => _wire.Dispose();

    private async Task ReadAsync()
    {
        var length = 0;
        try
        {
            while (true)
            {
                length += await _wire.ReceiveAsync(_in, length);
                var (taken, acknowledgements) = Take(length);
                if (acknowledgements > 0)
                {
                    await _wire.SendAsync(_out.AsMemory(0, acknowledgements * AckBytes));
                }

                length -= taken;
                _in.AsSpan(taken, length).CopyTo(_in);
            }
        }
        catch (Exception exception)
        {
            // Also for who waits for the subscription.
            _subscribed.TrySetException(exception);
            if (!_leaving)
            {
                throw;
            }
        }
    }

    private (int Taken, int Acknowledgements) Take(int length)
    {
        var (at, acknowledgements) = (0, 0);
        while (TryMeasure(_in.AsSpan(at, length - at), out var header, out var whole) && acknowledgements < ReceiveMaximum)
        {
            var packet = _in.AsSpan(at, whole);
            switch (packet[0] >> 4)
            {
                // QoS 1: after the topic comes the identifier. PUBACK, two bytes follow; what is left out means success.
                case 3 when (packet[0] & 6) != 0:
                    var topic = BinaryPrimitives.ReadUInt16BigEndian(packet[header..]);
                    BinaryPrimitives.WriteUInt16BigEndian(_out.AsSpan(acknowledgements * AckBytes), 0x4002);
                    packet.Slice(header + 2 + topic, 2).CopyTo(_out.AsSpan(acknowledgements * AckBytes + 2));
                    acknowledgements++;
                    break;
                case 9:
                    _subscribed.TrySetResult();
                    break;
            }

            at += whole;
        }

        Interlocked.Add(ref _count, acknowledgements);
        return (at, acknowledgements);
    }

    private static bool TryMeasure(ReadOnlySpan<byte> bytes, out int header, out int whole)
    {
        (header, whole) = (1, 0);
        for (var shift = 0; header < bytes.Length; shift += 7)
        {
            var next = bytes[header++];
            whole |= (next & 127) << shift;
            if (next < 128)
            {
                whole += header;
                return whole <= bytes.Length;
            }
        }

        return false;
    }
}
