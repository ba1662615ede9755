using MQTTnet.Exceptions;
using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>The publishing side of one connection: what comes in, may it, and what is answered.</summary>
internal sealed class Publisher
{
    private readonly Connection _connection;
    private readonly BrokerMetrics _metrics;
    private readonly PublishPermissions _permissions;
    private readonly WaitingLine _line;
    private readonly Dictionary<ushort, string> _aliases = [];

    public Publisher(Connection connection, Desk desk)
    {
        (_connection, _metrics) = (connection, desk.Metrics);
        _permissions = new PublishPermissions(connection.Access, desk.Exchange);
        _line = new WaitingLine(connection, desk, message => Acknowledge(message, MqttPubAckReasonCode.Success));
    }

    public async ValueTask ReceiveAsync(MqttPublishPacket message)
    {
        _metrics.Received();
        ResolveAlias(message);
        if (!Topics.IsName(message.Topic) || message.QualityOfServiceLevel > MqttQualityOfServiceLevel.ExactlyOnce)
        {
            throw new MqttProtocolViolationException("PUBLISH has an invalid topic or quality of service.");
        }

        if (message.QualityOfServiceLevel == MqttQualityOfServiceLevel.ExactlyOnce
            && _connection.Session.Received.Has(message.PacketIdentifier))
        {
            Acknowledge(message, MqttPubAckReasonCode.Success); // A repeat of what is here already.
            return;
        }

        var permission = _permissions.For(message.Topic);
        if (!permission.Allowed)
        {
            _metrics.Denied("publish");
            Acknowledge(message, MqttPubAckReasonCode.NotAuthorized);
            return;
        }

        if (_line.PublishOrQueue(message, permission.MustBeHeld, out var subscribers, out var full))
        {
            Acknowledge(message, subscribers > 0 ? MqttPubAckReasonCode.Success : MqttPubAckReasonCode.NoMatchingSubscribers);
        }
        else if (full is not null)
        {
            await _connection.WaitUnblamedAsync(full);
        }
    }

    private void Acknowledge(MqttPublishPacket message, MqttPubAckReasonCode reason)
    {
        // An MQTT 3.1.1 client hears nothing of the reason: it gets its PUBACK, as from EMQX.
        if (message.QualityOfServiceLevel == MqttQualityOfServiceLevel.AtLeastOnce)
        {
            _connection.Outbound.Send(new MqttPubAckPacket { PacketIdentifier = message.PacketIdentifier, ReasonCode = reason });
        }
        else if (message.QualityOfServiceLevel == MqttQualityOfServiceLevel.ExactlyOnce)
        {
            // Not before it is published: a repeat of one that only waited, on a connection that ended, is no repeat.
            if (reason < MqttPubAckReasonCode.UnspecifiedError)
            {
                _connection.Session.Received.Add(message.PacketIdentifier);
            }

            _connection.Outbound.Send(new MqttPubRecPacket
            {
                PacketIdentifier = message.PacketIdentifier,
                ReasonCode = (MqttPubRecReasonCode)(int)reason,
            });
        }
    }

    private void ResolveAlias(MqttPublishPacket message)
    {
        if (message.TopicAlias == 0)
        {
            return;
        }

        if (!string.IsNullOrEmpty(message.Topic))
        {
            _aliases[message.TopicAlias] = message.Topic;
        }
        else if (_aliases.TryGetValue(message.TopicAlias, out var topic))
        {
            message.Topic = topic;
        }
    }
}
