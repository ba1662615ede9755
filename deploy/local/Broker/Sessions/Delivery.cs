using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>
/// A message on its way to one session. The publisher's packet is shared by all of them and never changed; half a
/// million of these may wait, so it is small.
/// </summary>
internal readonly record struct Delivery(MqttPublishPacket Message, Subscription To, bool Retain, long ExpiresAt)
{
    /// <summary>
    /// At the quality that was granted, also when the publisher used QoS 0 (EMQX: mqtt.upgrade_qos), so that the
    /// message is held until the subscriber acknowledges it. Never above: that client could not acknowledge.
    /// </summary>
    public MqttQualityOfServiceLevel QualityOfService => To.QualityOfService;

    public MqttPublishPacket ToPacket(ushort identifier, uint secondsLeft) => new()
    {
        Topic = Message.Topic,
        Payload = Message.Payload,
        PacketIdentifier = identifier,
        QualityOfServiceLevel = QualityOfService,
        Retain = Retain,
        ContentType = Message.ContentType,
        CorrelationData = Message.CorrelationData,
        ResponseTopic = Message.ResponseTopic,
        PayloadFormatIndicator = Message.PayloadFormatIndicator,
        UserProperties = Message.UserProperties,
        MessageExpiryInterval = secondsLeft,
        SubscriptionIdentifiers = To.Identifier == 0 ? null : [To.Identifier],
    };
}

internal enum EnqueueResult
{
    Enqueued,
    Dropped,
    Closed,
}
