using System.Threading.Channels;
using MQTTnet.Packets;

namespace EasySmart.Broker;

/// <summary>
/// QoS 0 messages whose publisher left while they waited, such as those of mosquitto_pub, which never stays. In order,
/// and not without end: beyond a service's queue length they are dropped, counted and logged.
/// </summary>
internal sealed partial class HeldMessages(
    Exchange exchange, BrokerOptions options, BrokerMetrics metrics, ILogger<HeldMessages> logger) : BackgroundService
{
    private readonly Channel<(MqttPublishPacket Message, string Publisher, bool MustBeHeld)> _orphans =
        Channel.CreateBounded<(MqttPublishPacket, string, bool)>(
            new BoundedChannelOptions(options.ServiceQueueLength) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    public void Adopt(MqttPublishPacket message, string publisher, bool mustBeHeld)
    {
        if (!_orphans.Writer.TryWrite((message, publisher, mustBeHeld)))
        {
            metrics.Dropped(1, "publisher_left");
            LogDropped(publisher);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var (message, publisher, mustBeHeld) in _orphans.Reader.ReadAllAsync(stoppingToken))
        {
            await exchange.PublishAsync(message, publisher, mustBeHeld, stoppingToken);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Dropped a QoS 0 message of {ClientId}, which left while it waited")]
    private partial void LogDropped(string clientId);
}
