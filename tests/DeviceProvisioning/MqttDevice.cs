using System.Collections.Concurrent;
using System.Text.Json;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Protocol;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A device at the host's broker. The broker's events are told by the test, as EMQX would.</summary>
internal sealed class MqttDevice : IDisposable
{
    private readonly DevicesHost _host;
    private readonly ProvisionedDevice _device;
    private readonly IMqttClient _client = new MqttClientFactory().CreateMqttClient();

    private readonly bool _told;

    private MqttDevice(DevicesHost host, ProvisionedDevice device, bool told)
    {
        (_host, _device, _told) = (host, device, told);
        _client.ApplicationMessageReceivedAsync += received =>
        {
            Received.Enqueue(received.ApplicationMessage);
            return Task.CompletedTask;
        };
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private DeviceOf Known => new(_device.device_id, _device.tenant_id);

    private string ClientId => $"{_device.device_id}-client";

    private string Own => $"tenants/{_device.tenant_id}/devices/{_device.device_id}";

    public ConcurrentQueue<MqttApplicationMessage> Received { get; } = [];

    /// <summary>The commands that came, in order.</summary>
    public IReadOnlyList<JsonElement> Commands => [.. Received.Select(message => JsonElement.Parse(message.ConvertPayloadToString()))];

    public IReadOnlyList<string> Names => [.. Commands.Select(command => command.GetProperty("name").GetString()!)];

    public bool IsConnected => _client.IsConnected;

    /// <param name="host">The service.</param>
    /// <param name="device">The device.</param>
    /// <param name="cleanStart">False to find its session again.</param>
    /// <param name="expiry">Seconds that its session outlives it.</param>
    /// <param name="with">Other options.</param>
    /// <param name="told">Whether the test tells the service, and not the broker.</param>
    public static async Task<MqttDevice> ConnectAsync(
        DevicesHost host, ProvisionedDevice device, bool cleanStart = true, uint expiry = 0, Action<MqttClientOptionsBuilder>? with = null,
        bool told = true)
    {
        var connected = new MqttDevice(host, device, told);
        var options = new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", host.Mqtt.Port)
            .WithProtocolVersion(MQTTnet.Formatter.MqttProtocolVersion.V500).WithClientId(connected.ClientId)
            .WithCredentials(device.mqtt_username, device.device_secret).WithCleanStart(cleanStart).WithSessionExpiryInterval(expiry)
            .WithTimeout(TimeSpan.FromSeconds(30));
        with?.Invoke(options);
        var answer = await connected._client.ConnectAsync(options.Build(), Cancellation);
        if (answer.ResultCode != MqttClientConnectResultCode.Success)
        {
            throw new MqttCommunicationException($"{answer.ResultCode}");
        }

        await connected.TellAsync(BrokerCalls.Connected(connected.Known, connected.ClientId, expiry: (int)expiry, cleanStart: cleanStart));
        return connected;
    }

    public async Task SubscribeAsync(string filter = "#")
    {
        await _client.SubscribeAsync($"{Own}/commands/{filter}", MqttQualityOfServiceLevel.AtLeastOnce, Cancellation);
        await TellAsync(BrokerCalls.Subscribed(Known, ClientId, $"{Own}/commands/{filter}"));
    }

    public Task PublishAsync(string topic, string payload, bool retain = false) => _client.PublishAsync(
        new MqttApplicationMessageBuilder().WithTopic($"{Own}/{topic}").WithPayload(payload).WithRetainFlag(retain)
            .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build(),
        Cancellation);

    public Task AnswerAsync(Guid command, string answer) => PublishAsync($"events/commands/{command}", answer);

    public async Task DisconnectAsync()
    {
        await _client.DisconnectAsync(cancellationToken: Cancellation);
        await TellAsync(BrokerCalls.Disconnected(Known, ClientId));
    }

    private Task TellAsync(object told) => _told ? _host.Broker().TellAsync(told) : Task.CompletedTask;

    /// <summary>As a device that lost its power: its last will is published.</summary>
    public void Dispose() => _client.Dispose();
}
