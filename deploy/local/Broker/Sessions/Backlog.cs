using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>What waits to be sent for the first time. Guarded by its session's lock.</summary>
internal sealed class Backlog(TimeProvider time)
{
    private readonly Queue<Delivery> _waiting = new();

    public int Count => _waiting.Count;

    public void Add(in Delivery delivery) => _waiting.Enqueue(delivery);

    public void Clear() => _waiting.Clear();

    /// <summary>The next packet, which is in the window then if it will be acknowledged; null when none may be sent.</summary>
    public MqttPublishPacket? Next(Window window, ref int expired)
    {
        while (_waiting.TryPeek(out var next))
        {
            var acknowledged = next.QualityOfService > MqttQualityOfServiceLevel.AtMostOnce;
            if (acknowledged && window.IsFull)
            {
                return null;
            }

            _waiting.Dequeue();
            var secondsLeft = next.ExpiresAt == 0 ? 0 : next.ExpiresAt - time.GetUtcNow().ToUnixTimeSeconds();
            if (next.ExpiresAt != 0 && secondsLeft <= 0)
            {
                expired++;
                continue;
            }

            var packet = next.ToPacket(acknowledged ? window.NextIdentifier() : (ushort)0, (uint)secondsLeft);
            if (acknowledged)
            {
                window.Add(packet);
            }

            return packet;
        }

        return null;
    }
}
