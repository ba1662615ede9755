using EasySmart.Ingestion.Quotas;
using Microsoft.Extensions.Options;
using MQTTnet.Exceptions;
using MQTTnet.Packets;
using MQTTnet.Protocol;
using Polly;

namespace EasySmart.Ingestion.Mqtt;

/// <summary>This instance's session at the broker: reads messages for as long as the service runs.</summary>
internal sealed partial class TelemetrySession(
    IOptions<MqttOptions> options,
    IOptions<IngestionOptions> limits,
    Intake intake,
    Outages outages,
    ArrivalClock clock,
    Acknowledger acknowledger,
    RecentDeliveries recent,
    IngestionMetrics metrics,
    TimeProvider time,
    ILogger<TelemetrySession> logger)
{
    private BrokerConnection? _connection;

    /// <summary>Connected, and subscribed if it is to be.</summary>
    public bool IsUp { get; private set; }

    /// <summary>Reads until <paramref name="stopping"/>; the connection stays open then, so that what is committed last can be acknowledged.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        var forever = new ResiliencePipelineBuilder { TimeProvider = time }.AddRetry(new()
        {
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = TimeSpan.FromMilliseconds(200),
            MaxDelay = TimeSpan.FromSeconds(5),
            ShouldHandle = new PredicateBuilder().Handle<Exception>(_ => !stopping.IsCancellationRequested),
            OnRetry = attempt =>
            {
                LogAway(attempt.Outcome.Exception!.Message);
                return ValueTask.CompletedTask;
            },
        }).Build();
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                // A connection that came about starts the back-off anew.
                var connection = await forever.ExecuteAsync(async cancellation => await OpenAsync(cancellation), stopping);
                await ReadAsync(connection, stopping);
            }
            catch (Exception) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogAway(exception.Message);
            }
        }
    }

    /// <summary>Publishes at QoS 0 on the connection that there is; to nobody when there is none.</summary>
    /// <exception cref="MqttCommunicationException">The connection has just ended.</exception>
    public Task PublishAsync(IReadOnlyList<(string Topic, byte[] Payload)> messages) =>
        IsUp && _connection is { } connection ? connection.PublishAsync(messages) : Task.CompletedTask;

    /// <summary>Leaves; the broker goes on holding messages for the session.</summary>
    public async Task LeaveAsync(CancellationToken cancellation)
    {
        IsUp = false;
        if (_connection is { } connection)
        {
            try
            {
                await connection.DisconnectAsync(cancellation);
            }
            catch (Exception exception) when (exception is MqttCommunicationException or ObjectDisposedException or OperationCanceledException)
            {
                LogAway(exception.Message);
            }

            connection.Dispose();
        }
    }

    private async Task<BrokerConnection> OpenAsync(CancellationToken cancellation)
    {
        var connection = await BrokerConnection.OpenAsync(options.Value, cancellation);
        try
        {
            await recent.ReconnectedAsync(connection.SessionPresent, cancellation);
            await acknowledger.ReconnectedAsync(connection, cancellation);
            _connection = connection;
            await (options.Value.Subscribe ? connection.SubscribeAsync(cancellation) : connection.UnsubscribeAsync(cancellation));
            LogConnected(connection.SessionPresent);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private async Task ReadAsync(BrokerConnection connection, CancellationToken stopping)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var alive = new KeepAlive(connection, TimeSpan.FromSeconds(options.Value.KeepAliveSeconds), time);
        var pings = alive.RunAsync(ended.Token);
        try
        {
            while (true)
            {
                alive.Listening = true;
                outages.Waiting(hasRoom: acknowledger.Window.Unacknowledged < options.Value.ReceiveMaximum);
                var packet = await connection.ReceiveAsync(ended.Token);
                alive.Heard();
                outages.Taken();
                switch (packet)
                {
                    case MqttPublishPacket publish:
                        await TakeAsync(publish, connection.SessionPresent, stopping);
                        break;
                    case MqttSubAckPacket subscribed when subscribed.ReasonCodes.Exists(code => code >= MqttSubscribeReasonCode.UnspecifiedError):
                        throw new MqttCommunicationException($"The broker refuses our subscription: {subscribed.ReasonCodes[0]}");
                    case MqttSubAckPacket or MqttUnsubAckPacket:
                        IsUp = true;
                        break;
                }
            }
        }
        finally
        {
            outages.Lost();
            if (!stopping.IsCancellationRequested)
            {
                IsUp = false;
                connection.Dispose();
            }

            await ended.CancelAsync();
            await pings;
        }
    }

    private async ValueTask TakeAsync(MqttPublishPacket publish, bool resumed, CancellationToken stopping)
    {
        // MQTTnet gives each packet a buffer of its own, so it can be kept.
        var payload = publish.Payload.IsSingleSegment ? publish.Payload.First : default;
        var packet = publish.QualityOfServiceLevel == MqttQualityOfServiceLevel.AtMostOnce ? (ushort)0 : publish.PacketIdentifier;
        if (publish.Dup && packet != 0)
        {
            metrics.Redelivered();
            if (acknowledger.Window.TryRejoin(packet, publish.Topic, payload.Span))
            {
                await acknowledger.CommittedAsync([]);
                return;
            }
        }

        var message = new Message(publish.Topic, payload, acknowledger) { ReceivedAt = clock.Next(), PacketId = packet };
        acknowledger.Window.Add(message);
        if (packet != 0 && recent.IsRepeat(message, publish.Dup && resumed))
        {
            await acknowledger.CommittedAsync([message]);
            return;
        }

        await intake.AcceptAsync(message, stopping);
        await acknowledger.Window.WaitBelowAsync(limits.Value.HeldBytes, stopping);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Connected to the broker; session resumed: {Resumed}")]
    private partial void LogConnected(bool resumed);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The broker is away: {Reason}")]
    private partial void LogAway(string reason);
}
