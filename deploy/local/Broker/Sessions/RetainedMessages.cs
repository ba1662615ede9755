using System.Collections.Concurrent;
using MQTTnet.Packets;

namespace EasySmart.Broker;

/// <summary>The last message of a topic that was published with the retain flag.</summary>
internal sealed class RetainedMessages(TimeProvider time)
{
    private const int Most = 100_000;

    private readonly ConcurrentDictionary<string, (MqttPublishPacket Message, long ExpiresAt)> _messages = new(StringComparer.Ordinal);

    /// <summary>
    /// Held while a retained message is kept and given out, and while a subscriber comes and gets what is kept: else one
    /// who comes in between could get the older of two messages last, and take it for the state of things.
    /// </summary>
    public Lock Gate { get; } = new();

    public void Keep(MqttPublishPacket message, long expiresAt)
    {
        if (message.Payload.IsEmpty)
        {
            _messages.TryRemove(message.Topic, out _);
        }
        else if (_messages.Count < Most || _messages.ContainsKey(message.Topic))
        {
            _messages[message.Topic] = (message, expiresAt);
        }
    }

    public void SendTo(Subscription subscription, string filter)
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        foreach (var (topic, (message, expiresAt)) in _messages)
        {
            if (Topics.Covers(filter, topic) && (expiresAt == 0 || expiresAt > now))
            {
                subscription.Session.Enqueue(new Delivery(message, subscription, Retain: true, expiresAt));
            }
        }
    }
}
