using System.Globalization;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>A device that publishes at QoS 1, and comes back when it loses its connection.</summary>
internal sealed class NumberedDevice : NumberedSource
{
    private readonly IMqttClient _client = new MqttClientFactory().CreateMqttClient();
    private readonly MqttClientOptions _options;

    public NumberedDevice(Device device, MqttProtocolVersion version, bool withTime, string? port = null, int padding = 0)
        : base(device, withTime, padding)
    {
        _options = new MqttClientOptionsBuilder()
            .WithTcpServer(Fleet.MqttHost, int.Parse(port ?? Fleet.MqttPort, CultureInfo.InvariantCulture))
            .WithProtocolVersion(version)
            .WithClientId(device.Id.ToString())
            .WithCredentials(device.Id.ToString(), device.Secret)
            .WithTimeout(TimeSpan.FromSeconds(20))
            .Build();
        Start();
    }

    /// <summary>How often it has had to come back.</summary>
    public int Reconnects { get; private set; }

    protected override async Task<bool> IsConnectedAsync()
    {
        if (_client.IsConnected)
        {
            return true;
        }

        try
        {
            await _client.ConnectAsync(_options);
            Reconnects += Published > 0 ? 1 : 0;
            return _client.IsConnected;
        }
        catch (Exception)
        {
            return false;
        }
    }

    protected override async Task<bool> SendAsync(byte[] payload)
    {
        var answer = await _client.PublishAsync(
            new MqttApplicationMessage { Topic = Device.Slot(0), PayloadSegment = payload, QualityOfServiceLevel = MqttQualityOfServiceLevel.AtLeastOnce });
        return answer.ReasonCode == MqttClientPublishReasonCode.Success;
    }

    protected override void Close() => _client.Dispose();
}
