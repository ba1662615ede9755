using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>One session's subscription to one filter.</summary>
internal sealed record Subscription(
    Session Session,
    MqttQualityOfServiceLevel QualityOfService,
    bool NoLocal = false,
    bool RetainAsPublished = false,
    uint Identifier = 0);
