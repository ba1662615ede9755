using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using MQTTnet;
using MQTTnet.Adapter;
using MQTTnet.Diagnostics.Logger;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Implementations;
using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Ingestion.Mqtt;

/// <summary>
/// One connection to the broker, in MQTT 5. On MQTTnet's packet adapter and not on its <c>MqttClient</c>: that one reads ahead into a
/// queue without bounds, whatever Receive Maximum says, and sends each acknowledgement by itself. Here nothing is read that nobody asked
/// for, so what we cannot hold stays with the broker.
/// </summary>
internal sealed class BrokerConnection : IDisposable
{
    private const string Telemetry = "tenants/+/devices/+/telemetry/#";
    private const int PubAckBytes = 4;
    // EMQX copies the queue that waited for us before it answers: up to 15 s for what an outage leaves behind.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);


    // MQTTnet's 8 KB is less than one segment of the loopback interface: once it was full, the kernel told the broker of room only when
    // asked, every 200 ms, and 200 messages a second went through (measured).
    private const int SocketBytes = 256 * 1024;

    private readonly MqttOptions _options;
    private readonly BufferedChannel _channel;
    private readonly MqttChannelAdapter _adapter;

    private BrokerConnection(MqttOptions options)
    {
        var client = new MqttClientOptionsBuilder().WithTcpServer(options.Host, options.Port).WithTimeout(Patience).Build();
        ((MqttClientTcpOptions)client.ChannelOptions).BufferSize = SocketBytes;
        _options = options;
        _channel = new BufferedChannel(new MqttTcpChannel(client));
        _adapter = new MqttChannelAdapter(
            _channel, new MqttPacketFormatterAdapter(MqttProtocolVersion.V500, new MqttBufferWriter(4096, 65_535)), MqttNetNullLogger.Instance);
    }

    /// <summary>Whether the broker kept the session, with what it still holds for us.</summary>
    public bool SessionPresent { get; private set; }

    public static async Task<BrokerConnection> OpenAsync(MqttOptions options, CancellationToken cancellation)
    {
        var connection = new BrokerConnection(options);
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(Patience);
            await connection.ConnectAsync(patience.Token);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>The next packet; throws when the connection has ended.</summary>
    public async ValueTask<MqttPacket> ReceiveAsync(CancellationToken cancellation) => await _adapter.ReceivePacketAsync(cancellation) switch
    {
        MqttDisconnectPacket disconnect => throw new MqttCommunicationException($"The broker ended the connection: {disconnect.ReasonCode}"),
        { } packet => packet,
        null => throw new MqttCommunicationException("The connection ended"),
    };

    /// <summary>Asks for the telemetry; <see cref="ReceiveAsync"/> brings the answer, and before it what the session held.</summary>
    public Task SubscribeAsync(CancellationToken cancellation) => _adapter.SendPacketAsync(
        new MqttSubscribePacket
        {
            PacketIdentifier = 1,
            TopicFilters =
            [
                new MqttTopicFilter
                {
                    Topic = _options.SharedSubscription ? $"$share/ingestion/{Telemetry}" : Telemetry,
                    QualityOfServiceLevel = MqttQualityOfServiceLevel.AtLeastOnce,
                    // A retained message was delivered when it was published; at each reconnect it would be another reading.
                    RetainHandling = MqttRetainHandling.DoNotSendOnSubscribe,
                },
            ],
        },
        cancellation);

    /// <summary>Asks for no more telemetry: the session may have subscribed when it was told to. <see cref="ReceiveAsync"/> brings the answer.</summary>
    public Task UnsubscribeAsync(CancellationToken cancellation) => _adapter.SendPacketAsync(
        new MqttUnsubscribePacket { PacketIdentifier = 1, TopicFilters = [Telemetry, $"$share/ingestion/{Telemetry}"] }, cancellation);

    /// <summary>Acknowledges packets in the given order, all in one write.</summary>
    public async Task AcknowledgeAsync(IReadOnlyList<ushort> packets, CancellationToken cancellation)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(packets.Count * PubAckBytes);
        try
        {
            for (var i = 0; i < packets.Count; i++)
            {
                // PUBACK, two bytes follow; what is left out means success.
                BinaryPrimitives.WriteUInt16BigEndian(buffer.AsSpan(i * PubAckBytes), 0x4002);
                BinaryPrimitives.WriteUInt16BigEndian(buffer.AsSpan(i * PubAckBytes + 2), packets[i]);
            }

            await _channel.SendAsync(new ReadOnlySequence<byte>(buffer, 0, packets.Count * PubAckBytes), cancellation);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Publishes at QoS 0, all in one write.</summary>
    public async Task PublishAsync(IReadOnlyList<(string Topic, byte[] Payload)> messages)
    {
        var encoder = new MqttPacketFormatterAdapter(MqttProtocolVersion.V500, new MqttBufferWriter(4096, 65_535));
        var packets = new List<byte>();
        foreach (var (topic, payload) in messages)
        {
            packets.AddRange(encoder.Encode(new MqttPublishPacket { Topic = topic, PayloadSegment = payload }).Join());
            encoder.Cleanup();
        }

        // Not to be cancelled: half a packet would end the connection.
        await _channel.SendAsync(new ReadOnlySequence<byte>(packets.ToArray()), CancellationToken.None);
    }

    public Task PingAsync(CancellationToken cancellation) => _adapter.SendPacketAsync(MqttPingReqPacket.Instance, cancellation);

    /// <summary>Says good-bye; the broker keeps the session.</summary>
    public Task DisconnectAsync(CancellationToken cancellation) => _adapter.SendPacketAsync(
        new MqttDisconnectPacket { ReasonCode = MqttDisconnectReasonCode.NormalDisconnection }, cancellation);

    public void Dispose()
    {
        _adapter.Dispose();
        _channel.Dispose();
    }

    private async Task ConnectAsync(CancellationToken cancellation)
    {
        await _adapter.ConnectAsync(cancellation);
        await _adapter.SendPacketAsync(
            new MqttConnectPacket
            {
                ClientId = _options.ClientId,
                Username = _options.Username,
                Password = Encoding.UTF8.GetBytes(_options.Password),
                CleanSession = false,
                SessionExpiryInterval = (uint)TimeSpan.FromDays(_options.SessionExpiryDays).TotalSeconds,
                ReceiveMaximum = (ushort)_options.ReceiveMaximum,
                KeepAlivePeriod = (ushort)_options.KeepAliveSeconds,
            },
            cancellation);
        if (await ReceiveAsync(cancellation) is not MqttConnAckPacket { ReasonCode: var reason } answer)
        {
            throw new MqttCommunicationException("The broker answered CONNECT with something else");
        }

        if (reason != MqttConnectReasonCode.Success)
        {
            throw new MqttCommunicationException($"The broker refuses us: {reason}");
        }

        SessionPresent = answer.IsSessionPresent;
    }
}
