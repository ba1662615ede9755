using MQTTnet.Packets;

namespace EasySmart.Broker;

/// <summary>Publishes what clients left to be said when they are gone.</summary>
internal sealed partial class Wills(Exchange exchange, IHostApplicationLifetime lifetime, ILogger<Wills> logger)
{
    public static MqttPublishPacket? Of(MqttConnectPacket connect) => !connect.WillFlag || !Topics.IsName(connect.WillTopic) ? null : new()
    {
        Topic = connect.WillTopic,
        Payload = new(connect.WillMessage ?? []),
        QualityOfServiceLevel = connect.WillQoS,
        Retain = connect.WillRetain,
        ContentType = connect.WillContentType,
        CorrelationData = connect.WillCorrelationData,
        MessageExpiryInterval = connect.WillMessageExpiryInterval,
        PayloadFormatIndicator = connect.WillPayloadFormatIndicator,
        ResponseTopic = connect.WillResponseTopic,
        UserProperties = connect.WillUserProperties,
    };

    public void Publish(MqttPublishPacket will, string clientId) => _ = PublishAsync(will, clientId);

    private async Task PublishAsync(MqttPublishPacket will, string clientId)
    {
        try
        {
            await exchange.PublishAsync(will, clientId, exchange.MustBeHeld(will.Topic), lifetime.ApplicationStopped);
        }
        catch (Exception e)
        {
            LogUnheard(e, clientId);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The will of {ClientId} was not published")]
    private partial void LogUnheard(Exception exception, string clientId);
}
