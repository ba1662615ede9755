using MQTTnet.Exceptions;
using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>What each packet of a client's sets going.</summary>
internal sealed class PacketHandler(Connection connection, Desk desk)
{
    private readonly Publisher _publisher = new(connection, desk);
    private readonly Subscriber _subscriber = new(connection, desk);

    public ValueTask HandleAsync(MqttPacket packet)
    {
        switch (packet)
        {
            case MqttPublishPacket { PacketIdentifier: 0, QualityOfServiceLevel: > MqttQualityOfServiceLevel.AtMostOnce }
                or MqttSubscribePacket { PacketIdentifier: 0 } or MqttSubscribePacket { TopicFilters.Count: 0 }
                or MqttUnsubscribePacket { PacketIdentifier: 0 } or MqttUnsubscribePacket { TopicFilters.Count: 0 }:
                throw new MqttProtocolViolationException("The packet lacks its identifier or its filters.");
            case MqttPublishPacket publish:
                return _publisher.ReceiveAsync(publish);
            case MqttPubAckPacket ack:
                connection.Session.Acknowledge(connection, ack.PacketIdentifier);
                break;
            case MqttPubRecPacket { ReasonCode: >= MqttPubRecReasonCode.UnspecifiedError } refused:
                connection.Session.Acknowledge(connection, refused.PacketIdentifier);
                break;
            case MqttPubRecPacket received:
                connection.Outbound.Send(new MqttPubRelPacket
                {
                    PacketIdentifier = received.PacketIdentifier,
                    ReasonCode = connection.Session.Release(connection, received.PacketIdentifier)
                        ? MqttPubRelReasonCode.Success
                        : MqttPubRelReasonCode.PacketIdentifierNotFound,
                });
                break;
            case MqttPubRelPacket release:
                connection.Outbound.Send(new MqttPubCompPacket
                {
                    PacketIdentifier = release.PacketIdentifier,
                    ReasonCode = connection.Session.Received.Remove(release.PacketIdentifier)
                        ? MqttPubCompReasonCode.Success
                        : MqttPubCompReasonCode.PacketIdentifierNotFound,
                });
                break;
            case MqttPubCompPacket complete:
                connection.Session.Acknowledge(connection, complete.PacketIdentifier);
                break;
            case MqttSubscribePacket subscribe:
                _subscriber.Subscribe(subscribe);
                break;
            case MqttUnsubscribePacket unsubscribe:
                _subscriber.Unsubscribe(unsubscribe);
                break;
            case MqttPingReqPacket:
                connection.Outbound.Send(MqttPingRespPacket.Instance);
                break;
            default:
                throw new MqttProtocolViolationException("This packet is not the client's to send now.");
        }

        return ValueTask.CompletedTask;
    }
}
