using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using MQTTnet.Adapter;
using MQTTnet.Diagnostics.Logger;
using MQTTnet.Formatter;
using MQTTnet.Implementations;
using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Ingestion.Tests;

/// <summary>The other end of the wire, where a test decides what is delivered, how it is marked, and sees every acknowledgement.</summary>
public sealed class ScriptedBroker : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private MqttChannelAdapter? _client;

    public ScriptedBroker() => _listener.Start();

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Packet identifiers in the order of their acknowledgement.</summary>
    public ConcurrentQueue<ushort> Acknowledged { get; } = new();

    public MqttConnectPacket? Connect { get; private set; }

    /// <summary>What was subscribed to; null when nothing was.</summary>
    public string? Subscribed { get; private set; }

    /// <summary>What was asked for no more.</summary>
    public IReadOnlyList<string> Unsubscribed { get; private set; } = [];

    public bool SaidGoodBye { get; private set; }

    /// <summary>Waits for the session to connect and to subscribe, or unsubscribe.</summary>
    public async Task AcceptAsync(bool sessionPresent)
    {
        var socket = await _listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        _client = new MqttChannelAdapter(
            new MqttTcpChannel(socket.GetStream(), socket.Client.LocalEndPoint, socket.Client.RemoteEndPoint, null),
            new MqttPacketFormatterAdapter(MqttProtocolVersion.V500, new MqttBufferWriter(4096, 65_535)),
            MqttNetNullLogger.Instance);
        Connect = Assert.IsType<MqttConnectPacket>(await _client.ReceivePacketAsync(default));
        await _client.SendPacketAsync(new MqttConnAckPacket { IsSessionPresent = sessionPresent }, default);
        switch (await _client.ReceivePacketAsync(default))
        {
            case MqttSubscribePacket subscribe:
                Subscribed = subscribe.TopicFilters.Single().Topic;
                await _client.SendPacketAsync(
                    new MqttSubAckPacket { PacketIdentifier = subscribe.PacketIdentifier, ReasonCodes = [MqttSubscribeReasonCode.GrantedQoS1] }, default);
                break;
            case MqttUnsubscribePacket unsubscribe:
                Unsubscribed = unsubscribe.TopicFilters;
                await _client.SendPacketAsync(
                    new MqttUnsubAckPacket
                    {
                        PacketIdentifier = unsubscribe.PacketIdentifier,
                        ReasonCodes = [MqttUnsubscribeReasonCode.Success, MqttUnsubscribeReasonCode.NoSubscriptionExisted],
                    },
                    default);
                break;
            case var other:
                Assert.Fail($"Neither SUBSCRIBE nor UNSUBSCRIBE: {other}");
                break;
        }

        _ = Task.Run(() => ListenAsync(_client));
    }

    public Task DeliverAsync(ushort packet, string topic, string payload, bool again = false) => _client!.SendPacketAsync(
        new MqttPublishPacket
        {
            PacketIdentifier = packet,
            Topic = topic,
            PayloadSegment = Encoding.UTF8.GetBytes(payload),
            QualityOfServiceLevel = MqttQualityOfServiceLevel.AtLeastOnce,
            Dup = again,
        },
        default);

    /// <summary>The connection breaks.</summary>
    public void Break() => _client?.Dispose();

    public void Dispose()
    {
        Break();
        _listener.Dispose();
    }

    private async Task ListenAsync(MqttChannelAdapter client)
    {
        try
        {
            while (await client.ReceivePacketAsync(default) is { } packet)
            {
                switch (packet)
                {
                    case MqttPubAckPacket acknowledged:
                        Acknowledged.Enqueue(acknowledged.PacketIdentifier);
                        break;
                    case MqttDisconnectPacket:
                        SaidGoodBye = true;
                        break;
                }
            }
        }
        catch (Exception exception) when (exception is ObjectDisposedException or MQTTnet.Exceptions.MqttCommunicationException)
        {
            // The test broke it.
        }
    }
}
