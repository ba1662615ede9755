using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>
/// Messages of one connection that have to wait, in order. Each is acknowledged when it has found its place; the
/// connection reads on meanwhile, so that a device that waits still gets its PINGRESP.
/// </summary>
internal sealed partial class WaitingLine(Connection connection, Desk desk, Action<MqttPublishPacket> acknowledge)
{
    /// <summary>With as many waiting, a connection is not read on. MQTT 5 clients are told so (Receive Maximum).</summary>
    public const ushort Longest = 100;

    private readonly ILogger _logger = desk.Logger;
    private readonly Lock _gate = new();
    private readonly Queue<(MqttPublishPacket Message, bool MustBeHeld)> _line = new();
    private TaskCompletionSource? _shorter;

    /// <param name="message">The client's.</param>
    /// <param name="mustBeHeld">As <see cref="Exchange.TryPublish"/> has it.</param>
    /// <param name="subscribers">How many got it.</param>
    /// <param name="full">Set when the connection must not be read on before this completes.</param>
    /// <returns>Whether it is published; if not, it waits, and is acknowledged later.</returns>
    public bool PublishOrQueue(MqttPublishPacket message, bool mustBeHeld, out int subscribers, out Task? full)
    {
        (subscribers, full) = (0, null);
        lock (_gate)
        {
            if (_line.Count == 0 && desk.Exchange.TryPublish(message, connection.ClientId, mustBeHeld, out subscribers) is null)
            {
                return true;
            }

            _line.Enqueue((message, mustBeHeld));
            if (_line.Count == 1)
            {
                _ = AdvanceAsync();
            }

            if (_line.Count >= Longest)
            {
                full = (_shorter = new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            return false;
        }
    }

    private async Task AdvanceAsync()
    {
        desk.Metrics.Held(+1);
        var isEmpty = false;
        while (!isEmpty)
        {
            (MqttPublishPacket Message, bool MustBeHeld) first;
            lock (_gate)
            {
                first = _line.Peek();
            }

            await PublishAsync(first.Message, first.MustBeHeld);
            lock (_gate)
            {
                _line.Dequeue();
                _shorter?.TrySetResult();
                _shorter = null;
                isEmpty = _line.Count == 0;
            }
        }

        desk.Metrics.Held(-1);
    }

    private async Task PublishAsync(MqttPublishPacket message, bool mustBeHeld)
    {
        try
        {
            await desk.Exchange.PublishAsync(message, connection.ClientId, mustBeHeld, connection.Closed);
            acknowledge(message);
        }
        catch (OperationCanceledException) when (message.QualityOfServiceLevel == MqttQualityOfServiceLevel.AtMostOnce)
        {
            desk.Held.Adopt(message, connection.ClientId, mustBeHeld);
        }
        catch (OperationCanceledException)
        {
            // It has gone, and sends again what it got no acknowledgement for. QoS 0 is nowhere but here.
        }
        catch (Exception e)
        {
            // Not acknowledged, so the client repeats it; but nobody else would hear of this.
            LogFailed(e, connection.ClientId);
            connection.Close(MqttDisconnectReasonCode.UnspecifiedError);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A message of {ClientId} that had waited could not be published")]
    private partial void LogFailed(Exception exception, string clientId);
}
