using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>The subscribing side of one connection.</summary>
internal sealed class Subscriber(Connection connection, Desk desk)
{
    private const string SharedPrefix = "$share/";

    public void Subscribe(MqttSubscribePacket packet)
    {
        var reasons = new List<MqttSubscribeReasonCode>(packet.TopicFilters.Count);
        foreach (var filter in packet.TopicFilters)
        {
            var reason = Check(filter);
            reasons.Add(reason);
            if (reason > MqttSubscribeReasonCode.GrantedQoS2)
            {
                continue;
            }

            var subscription = new Subscription(
                connection.Session, filter.QualityOfServiceLevel, filter.NoLocal, filter.RetainAsPublished, packet.SubscriptionIdentifier);
            lock (desk.Retained.Gate)
            {
                var isNew = desk.Router.Subscribe(filter.Topic, subscription);
                if (filter.RetainHandling == MqttRetainHandling.SendAtSubscribe
                    || (isNew && filter.RetainHandling == MqttRetainHandling.SendAtSubscribeIfNewSubscriptionOnly))
                {
                    desk.Retained.SendTo(subscription, filter.Topic);
                }
            }

            // Each time, also when it was subscribed before; not for a session that ended meanwhile.
            if (!connection.Session.IsForgotten)
            {
                desk.Events.Subscribed(connection.Client, filter.Topic, (int)filter.QualityOfServiceLevel);
            }
        }

        connection.Outbound.Send(new MqttSubAckPacket
        {
            PacketIdentifier = packet.PacketIdentifier,
            ReasonCodes = reasons,
            ReasonString = reasons.Contains(MqttSubscribeReasonCode.SharedSubscriptionsNotSupported)
                ? "The local broker has no shared subscriptions: subscribe to the filter itself."
                : null,
        });
    }

    public void Unsubscribe(MqttUnsubscribePacket packet)
    {
        var reasons = new List<MqttUnsubscribeReasonCode>(packet.TopicFilters.Count);
        foreach (var filter in packet.TopicFilters)
        {
            reasons.Add(desk.Router.Unsubscribe(filter, connection.Session)
                ? MqttUnsubscribeReasonCode.Success
                : MqttUnsubscribeReasonCode.NoSubscriptionExisted);
        }

        connection.Outbound.Send(new MqttUnsubAckPacket { PacketIdentifier = packet.PacketIdentifier, ReasonCodes = reasons });
    }

    private MqttSubscribeReasonCode Check(MqttTopicFilter filter)
    {
        var shared = filter.Topic.StartsWith(SharedPrefix, StringComparison.Ordinal);
        // Authorized as the filter alone, as EMQX does, so that nobody learns by it that more is allowed than is.
        var plain = shared ? Unshared(filter.Topic) : filter.Topic;
        if (!Topics.IsFilter(plain) || filter.QualityOfServiceLevel > MqttQualityOfServiceLevel.ExactlyOnce)
        {
            return MqttSubscribeReasonCode.TopicFilterInvalid;
        }

        if (!connection.Access.AllowsSubscribe(plain))
        {
            desk.Metrics.Denied("subscribe");
            return MqttSubscribeReasonCode.NotAuthorized;
        }

        return shared
            ? MqttSubscribeReasonCode.SharedSubscriptionsNotSupported
            : (MqttSubscribeReasonCode)(int)filter.QualityOfServiceLevel;
    }

    private static string Unshared(string topic)
    {
        var group = topic.IndexOf('/', SharedPrefix.Length);
        return group > SharedPrefix.Length ? topic[(group + 1)..] : "";
    }
}
