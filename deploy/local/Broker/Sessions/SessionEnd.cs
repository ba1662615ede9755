using MQTTnet.Packets;

namespace EasySmart.Broker;

/// <summary>When a session without a connection ends, and what is published before (MQTT 5's delayed will).</summary>
internal sealed record SessionEnd(DateTimeOffset At, MqttPublishPacket? Will, DateTimeOffset WillDue);
