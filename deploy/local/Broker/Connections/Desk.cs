namespace EasySmart.Broker;

/// <summary>What every connection works with.</summary>
internal sealed record Desk(
    BrokerOptions Options,
    TimeProvider Time,
    BrokerMetrics Metrics,
    Router Router,
    RetainedMessages Retained,
    Exchange Exchange,
    HeldMessages Held,
    ClientEvents Events,
    ILogger<Connection> Logger);
