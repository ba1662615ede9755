using EasySmart.DeviceProvisioning.Mqtt;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace EasySmart.DeviceProvisioning.Messages;

/// <summary>How this service's own session begins.</summary>
public static class BrokerLogin
{
    private const string Account = "device-provisioning";

    // Of ours at a time: the broker holds the rest.
    private const ushort ReceiveMaximum = 100;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(30);

    /// <summary>What it subscribes to.</summary>
    public static IReadOnlyList<string> Subscriptions { get; } = ["tenants/+/devices/+/status", "tenants/+/devices/+/events/commands/+"];

    /// <summary>Connects and subscribes; throws when the broker is away or refuses either.</summary>
    public static async Task LogInAsync(IMqttClient client, MqttOptions own, CancellationToken cancellation)
    {
        var connected = await client.ConnectAsync(
            new MqttClientOptionsBuilder().WithProtocolVersion(MqttProtocolVersion.V500).WithTcpServer(own.Host, own.Port).WithTimeout(Patience)
                .WithClientId(own.ClientId).WithCredentials(ServiceAccounts.Prefix + Account, own.ServiceAccounts[Account])
                .WithCleanStart(false).WithSessionExpiryInterval((uint)TimeSpan.FromDays(own.SessionExpiryDays).TotalSeconds)
                .WithReceiveMaximum(ReceiveMaximum).WithKeepAlivePeriod(KeepAlive).Build(),
            cancellation);
        if (connected.ResultCode != MqttClientConnectResultCode.Success)
        {
            throw new MqttCommunicationException($"The broker refuses us: {connected.ResultCode}");
        }

        var subscribe = new MqttClientSubscribeOptionsBuilder();
        foreach (var topic in Subscriptions)
        {
            // What is retained tells how things stand when the session is new; a session that was kept has heard of it.
            subscribe.WithTopicFilter(filter => filter.WithTopic(own.SharedSubscription ? $"$share/{Account}/{topic}" : topic)
                .WithAtLeastOnceQoS().WithRetainHandling(
                    own.SharedSubscription ? MqttRetainHandling.DoNotSendOnSubscribe : MqttRetainHandling.SendAtSubscribeIfNewSubscriptionOnly));
        }

        var answer = await client.SubscribeAsync(subscribe.Build(), cancellation);
        if (answer.Items.FirstOrDefault(item => item.ResultCode >= MqttClientSubscribeResultCode.UnspecifiedError) is { } refused)
        {
            await client.DisconnectAsync(cancellationToken: cancellation);
            throw new MqttCommunicationException($"The broker refuses our subscription: {refused.ResultCode}");
        }
    }
}
