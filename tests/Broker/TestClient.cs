using System.Collections.Concurrent;
using MQTTnet;
using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Broker.Tests;

internal sealed record Received(
    string Topic, string Payload, int QoS, bool Dup, bool Retain, ushort Id, MqttApplicationMessageReceivedEventArgs Args);

internal sealed class TestClient : IDisposable
{
    private readonly IMqttClient _client = new MqttClientFactory().CreateMqttClient();
    private readonly MqttClientOptions _options;

    public TestClient(MqttClientOptions options, bool manualAck)
    {
        _options = options;
        _client.ApplicationMessageReceivedAsync += e =>
        {
            e.AutoAcknowledge = !manualAck;
            var m = e.ApplicationMessage;
            var message = new Received(
                m.Topic, m.ConvertPayloadToString() ?? "", (int)m.QualityOfServiceLevel, m.Dup, m.Retain, e.PacketIdentifier, e);
            Messages.Enqueue(message);
            OnMessage?.Invoke(message);
            return Task.CompletedTask;
        };
        _client.DisconnectedAsync += e =>
        {
            DisconnectReason = e.Reason;
            IsDisconnected = true;
            return Task.CompletedTask;
        };
    }

    public ConcurrentQueue<Received> Messages { get; } = [];

    public Action<Received>? OnMessage { get; set; }

    public volatile bool IsDisconnected;

    public MqttClientDisconnectReason DisconnectReason { get; private set; }

    public MqttClientConnectResult? Connected { get; private set; }

    public async Task<MqttClientConnectResult> ConnectAsync() =>
        Connected = await _client.ConnectAsync(_options, TestContext.Current.CancellationToken);

    public async Task<MqttClientSubscribeResultCode> SubscribeAsync(
        string filter, int qos = 1, Action<MqttTopicFilterBuilder>? with = null)
    {
        var f = new MqttTopicFilterBuilder().WithTopic(filter).WithQualityOfServiceLevel((MqttQualityOfServiceLevel)qos);
        with?.Invoke(f);
        var options = new MqttClientSubscribeOptionsBuilder().WithTopicFilter(f).Build();
        var result = await _client.SubscribeAsync(options, TestContext.Current.CancellationToken);
        return result.Items.Single().ResultCode;
    }

    public Task UnsubscribeAsync(string filter) => _client.UnsubscribeAsync(filter, TestContext.Current.CancellationToken);

    public Task<MqttClientPublishResult> PublishAsync(string topic, string payload, int qos = 1, bool retain = false) =>
        _client.PublishAsync(
            new MqttApplicationMessageBuilder().WithTopic(topic).WithPayload(payload).WithRetainFlag(retain)
                .WithQualityOfServiceLevel((MqttQualityOfServiceLevel)qos).Build(),
            TestContext.Current.CancellationToken);

    public Task<MqttClientPublishResult> PublishAsync(MqttApplicationMessage message) =>
        _client.PublishAsync(message, TestContext.Current.CancellationToken);

    /// <summary>A round trip. What was sent before PINGRESP has arrived, but may still be in the client's own queue.</summary>
    public Task PingAsync() => _client.PingAsync(TestContext.Current.CancellationToken);

    public Task DisconnectAsync(MqttClientDisconnectOptionsReason reason = MqttClientDisconnectOptionsReason.NormalDisconnection) =>
        _client.DisconnectAsync(reason, cancellationToken: TestContext.Current.CancellationToken);

    /// <summary>Without a DISCONNECT, as a killed process goes.</summary>
    public void Kill() => _client.Dispose();

    public void Dispose() => _client.Dispose();
}
