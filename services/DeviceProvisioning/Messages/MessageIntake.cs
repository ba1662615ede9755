using System.Buffers;
using System.Threading.Channels;
using EasySmart.DeviceProvisioning.Sessions;
using EasySmart.ServiceDefaults.Postgres;
using MQTTnet;

namespace EasySmart.DeviceProvisioning.Messages;

/// <summary>
/// Stores what devices say, many messages in one transaction, and acknowledges them to the broker in their order then. What cannot be
/// understood is counted and acknowledged: it would come again for ever.
/// </summary>
public sealed partial class MessageIntake(
    MessageWriter writer, SessionMetrics metrics, TimeProvider clock, ILogger<MessageIntake> logger) : BackgroundService
{
    private const int BatchSize = 100;
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    // The broker sends no more than a hundred that are not acknowledged, and those of a former connection are soon through.
    private readonly Channel<Received> _received = Channel.CreateBounded<Received>(new BoundedChannelOptions(4 * BatchSize) { SingleReader = true });

    /// <summary>The broker delivers a message.</summary>
    public async Task TakeAsync(MqttApplicationMessageReceivedEventArgs received, CancellationToken stopping)
    {
        received.AutoAcknowledge = false;
        var message = received.ApplicationMessage;
        var read = MessageReader.Read(message.Topic, message.Payload.ToArray(), message.Retain, clock.GetUtcNow(), out var fault);
        if (read is null)
        {
            metrics.Message(fault);
        }

        await _received.Writer.WriteAsync(new(read, received), stopping);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (await _received.Reader.WaitToReadAsync(stoppingToken))
        {
            if (_received.Reader.Count < BatchSize)
            {
                await Task.Delay(Gathering, clock, stoppingToken);
            }

            var batch = new List<Received>();
            while (batch.Count < BatchSize && _received.Reader.TryRead(out var next))
            {
                batch.Add(next);
            }

            await StoreAsync([.. batch.Select(received => received.Message).OfType<DeviceMessage>()], stoppingToken);
            foreach (var received in batch)
            {
                await AcknowledgeAsync(received, stoppingToken);
            }
        }
    }

    private async Task StoreAsync(List<DeviceMessage> messages, CancellationToken stopping)
    {
        while (messages.Count > 0)
        {
            try
            {
                await writer.WriteAsync(messages, stopping);
                metrics.Message("stored", messages.Count);
                return;
            }
            catch (Exception exception) when (!stopping.IsCancellationRequested && Transient.Is(exception))
            {
                LogAway(messages.Count, exception.Message);
                await Task.Delay(Pause, clock, stopping);
            }
            catch (Exception) when (!stopping.IsCancellationRequested && messages.Count > 1)
            {
                // One that can never be stored must not keep the others out.
                await StoreAsync(messages[..(messages.Count / 2)], stopping);
                messages = messages[(messages.Count / 2)..];
            }
            catch (Exception exception) when (!stopping.IsCancellationRequested)
            {
                LogFailed(exception, messages[0].Device);
                metrics.Message("failed");
                return;
            }
        }
    }

    private async Task AcknowledgeAsync(Received received, CancellationToken stopping)
    {
        try
        {
            await received.Delivery.AcknowledgeAsync(stopping);
        }
        catch (Exception exception) when (!stopping.IsCancellationRequested)
        {
            // The connection is gone; it is delivered again, and changes nothing then.
            LogNotAcknowledged(exception.Message);
        }
    }

    private sealed record Received(DeviceMessage? Message, MqttApplicationMessageReceivedEventArgs Delivery);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} messages of devices wait for the database: {Reason}")]
    private partial void LogAway(int count, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "A message of device {DeviceId} cannot be stored and is left out")]
    private partial void LogFailed(Exception exception, Guid deviceId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "An acknowledgement did not reach the broker: {Reason}")]
    private partial void LogNotAcknowledged(string reason);
}
