using Microsoft.Extensions.Options;
using MQTTnet.Exceptions;
using MQTTnet.Packets;
using MQTTnet.Protocol;
using Polly;

namespace EasySmart.Ingestion.Mqtt;

/// <summary>This instance's session at the broker: reads messages for as long as the service runs, and acknowledges what is committed.</summary>
internal sealed partial class TelemetrySession(
    IOptions<MqttOptions> options,
    IOptions<IngestionOptions> limits,
    Intake intake,
    ArrivalClock clock,
    RecentDeliveries recent,
    IngestionMetrics metrics,
    TimeProvider time,
    ILogger<TelemetrySession> logger) : IMessageSource, IDisposable
{
    private readonly DeliveryWindow _window = new();
    // Held from taking acknowledgements to sending them, so that they leave in their order and on the connection that they belong to.
    private readonly SemaphoreSlim _acknowledging = new(1);
    private volatile BrokerConnection? _connection;
    private long _heardAt;
    private volatile bool _reading;

    /// <summary>Connected and subscribed.</summary>
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

    public async ValueTask CommittedAsync(IReadOnlyList<Message> messages)
    {
        _window.Committed(messages);
        await AcknowledgeAsync(messages);
    }

    public void Dispose() => _acknowledging.Dispose();

    private async Task<BrokerConnection> OpenAsync(CancellationToken cancellation)
    {
        var connection = await BrokerConnection.OpenAsync(options.Value, cancellation);
        try
        {
            await recent.ReconnectedAsync(connection.SessionPresent, cancellation);
            await _acknowledging.WaitAsync(cancellation);
            _window.Reconnected(connection.SessionPresent);
            _connection = connection;
            _acknowledging.Release();
            Interlocked.Exchange(ref _heardAt, time.GetTimestamp());
            await connection.SubscribeAsync(cancellation);
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
        var pings = KeepAliveAsync(connection, ended.Token);
        try
        {
            while (true)
            {
                _reading = true;
                var packet = await connection.ReceiveAsync(ended.Token);
                _reading = false;
                Interlocked.Exchange(ref _heardAt, time.GetTimestamp());
                switch (packet)
                {
                    case MqttPublishPacket publish:
                        await TakeAsync(publish, connection.SessionPresent, stopping);
                        break;
                    case MqttSubAckPacket subscribed when subscribed.ReasonCodes.Exists(code => code >= MqttSubscribeReasonCode.UnspecifiedError):
                        throw new MqttCommunicationException($"The broker refuses our subscription: {subscribed.ReasonCodes[0]}");
                    case MqttSubAckPacket:
                        IsUp = true;
                        break;
                }
            }
        }
        finally
        {
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
            if (_window.TryRejoin(packet, publish.Topic, payload.Span))
            {
                await AcknowledgeAsync([]);
                return;
            }
        }

        var message = new Message(publish.Topic, payload, this) { ReceivedAt = clock.Next(), PacketId = packet };
        _window.Add(message);
        if (packet != 0 && recent.IsRepeat(message, publish.Dup && resumed))
        {
            await CommittedAsync([message]);
            return;
        }

        await intake.AcceptAsync(message, stopping);
        await _window.WaitBelowAsync(limits.Value.HeldBytes, stopping);
    }

    private async Task AcknowledgeAsync(IReadOnlyList<Message> committed)
    {
        await _acknowledging.WaitAsync();
        try
        {
            var packets = _window.TakeAcknowledgements(committed);
            if (packets.Count > 0 && _connection is { } connection)
            {
                await connection.AcknowledgeAsync(packets, CancellationToken.None);
            }
        }
        catch (Exception exception)
        {
            // The connection is gone; the broker delivers them again, and they are found stored.
            LogAway(exception.Message);
        }
        finally
        {
            _acknowledging.Release();
        }
    }

    /// <summary>Keeps the connection alive, and ends it when the broker has gone silent while we were listening.</summary>
    private async Task KeepAliveAsync(BrokerConnection connection, CancellationToken ended)
    {
        var period = TimeSpan.FromSeconds(options.Value.KeepAliveSeconds);
        using var timer = new PeriodicTimer(period / 2, time);
        try
        {
            while (await timer.WaitForNextTickAsync(ended))
            {
                if (_reading && time.GetElapsedTime(Interlocked.Read(ref _heardAt)) > period * 1.5)
                {
                    connection.Dispose();
                    return;
                }

                await connection.PingAsync(ended);
            }
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // The reader hears of it too.
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Connected to the broker; session resumed: {Resumed}")]
    private partial void LogConnected(bool resumed);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The broker is away: {Reason}")]
    private partial void LogAway(string reason);
}
