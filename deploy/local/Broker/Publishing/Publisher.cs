using MQTTnet.Exceptions;
using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>
/// The publishing side of one connection. A message that has to wait is set aside, in order, and acknowledged when
/// it has found its place; the connection reads on meanwhile, so that a waiting device still gets its PINGRESP.
/// </summary>
internal sealed partial class Publisher(
    Connection connection, Exchange exchange, HeldMessages held, BrokerMetrics metrics, ILogger logger)
{
    /// <summary>Messages of one connection that may wait; with more, it is not read on. MQTT 5 clients are told (Receive Maximum).</summary>
    public const ushort MostHeld = 100;

    private const int MostDecisions = 1_000;

    private readonly Dictionary<string, Decision> _decisions = new(StringComparer.Ordinal);
    private readonly Dictionary<ushort, string> _aliases = [];
    private readonly Queue<(MqttPublishPacket Message, bool MustBeHeld)> _held = new();
    private TaskCompletionSource? _roomToHold;

    public async ValueTask ReceiveAsync(MqttPublishPacket message)
    {
        metrics.Received();
        ResolveAlias(message);
        if (!Topics.IsName(message.Topic) || message.QualityOfServiceLevel > MqttQualityOfServiceLevel.ExactlyOnce)
        {
            throw new MqttProtocolViolationException("PUBLISH has an invalid topic or quality of service.");
        }

        if (message.QualityOfServiceLevel == MqttQualityOfServiceLevel.ExactlyOnce && !connection.Session.TryReceive(message.PacketIdentifier))
        {
            Acknowledge(message, MqttPubAckReasonCode.Success); // A repeat of what is here already.
            return;
        }

        var decision = Decide(message.Topic);
        if (!decision.Allowed)
        {
            metrics.Denied("publish");
            connection.Session.Forget(message.PacketIdentifier);
            Acknowledge(message, MqttPubAckReasonCode.NotAuthorized);
            return;
        }

        Task? roomToHold = null;
        lock (_held)
        {
            if (_held.Count == 0 && exchange.TryPublish(message, connection.ClientId, decision.MustBeHeld, out var subscribers) is null)
            {
                Acknowledge(message, subscribers > 0 ? MqttPubAckReasonCode.Success : MqttPubAckReasonCode.NoMatchingSubscribers);
                return;
            }

            _held.Enqueue((message, decision.MustBeHeld));
            if (_held.Count == 1)
            {
                _ = ReleaseAsync();
            }
            else if (_held.Count >= MostHeld)
            {
                roomToHold = (_roomToHold = new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
        }

        if (roomToHold is not null)
        {
            await connection.WaitUnblamedAsync(roomToHold);
        }
    }

    private async Task ReleaseAsync()
    {
        metrics.Held(+1);
        try
        {
            while (true)
            {
                (MqttPublishPacket Message, bool MustBeHeld) next;
                lock (_held)
                {
                    if (!_held.TryPeek(out next))
                    {
                        return;
                    }
                }

                await ReleaseAsync(next.Message, next.MustBeHeld);
                lock (_held)
                {
                    _held.Dequeue();
                    _roomToHold?.TrySetResult();
                    _roomToHold = null;
                    if (_held.Count == 0)
                    {
                        return;
                    }
                }
            }
        }
        finally
        {
            metrics.Held(-1);
        }
    }

    private async Task ReleaseAsync(MqttPublishPacket message, bool mustBeHeld)
    {
        // Who has gone sends QoS 1 and 2 again, for it got no acknowledgement. QoS 0 is nowhere but here.
        var orphanable = message.QualityOfServiceLevel == MqttQualityOfServiceLevel.AtMostOnce;
        try
        {
            await exchange.PublishAsync(message, connection.ClientId, mustBeHeld, connection.Closed);
            Acknowledge(message, MqttPubAckReasonCode.Success);
        }
        catch (OperationCanceledException) when (orphanable)
        {
            held.Adopt(message, connection.ClientId, mustBeHeld);
        }
        catch (OperationCanceledException)
        {
            connection.Session.Forget(message.PacketIdentifier);
        }
        catch (Exception e)
        {
            // Unacknowledged, so the client repeats it; but nobody else would hear of this.
            LogFailed(e, connection.ClientId);
            connection.Close(MqttDisconnectReasonCode.UnspecifiedError);
        }
    }

    private void Acknowledge(MqttPublishPacket message, MqttPubAckReasonCode reason)
    {
        // An MQTT 3.1.1 client hears nothing of the reason: it gets its PUBACK, as from EMQX.
        if (message.QualityOfServiceLevel == MqttQualityOfServiceLevel.AtLeastOnce)
        {
            connection.Outbound.Send(new MqttPubAckPacket { PacketIdentifier = message.PacketIdentifier, ReasonCode = reason });
        }
        else if (message.QualityOfServiceLevel == MqttQualityOfServiceLevel.ExactlyOnce)
        {
            connection.Outbound.Send(new MqttPubRecPacket
            {
                PacketIdentifier = message.PacketIdentifier,
                ReasonCode = (MqttPubRecReasonCode)(int)reason,
            });
        }
    }

    private Decision Decide(string topic)
    {
        if (!_decisions.TryGetValue(topic, out var decision))
        {
            if (_decisions.Count >= MostDecisions)
            {
                _decisions.Clear();
            }

            decision = new(connection.Access.AllowsPublish(topic), exchange.MustBeHeld(topic));
            _decisions.Add(topic, decision);
        }

        return decision;
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

    [LoggerMessage(Level = LogLevel.Error, Message = "A held message of {ClientId} could not be published")]
    private partial void LogFailed(Exception exception, string clientId);

    private readonly record struct Decision(bool Allowed, bool MustBeHeld);
}
