using System.Globalization;
using MQTTnet;
using MQTTnet.Formatter;

namespace EasySmart.Fleet.Tests.Devices;

/// <summary>A device of today: MQTT 5 over TCP.</summary>
internal static class DeviceClient
{
    public static IMqttClient Make() => new MqttClientFactory().CreateMqttClient();

    public static MqttClientOptionsBuilder Options(Device device, string? clientId = null) => new MqttClientOptionsBuilder()
        .WithTcpServer(Fleet.MqttHost, int.Parse(Fleet.MqttPort, CultureInfo.InvariantCulture))
        .WithProtocolVersion(MqttProtocolVersion.V500)
        .WithClientId(clientId is null ? device.Id.ToString() : $"{clientId}-{device.Id}")
        .WithCredentials(device.Id.ToString(), device.Secret)
        .WithTimeout(TimeSpan.FromSeconds(20));
}
