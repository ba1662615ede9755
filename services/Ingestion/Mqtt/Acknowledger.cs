namespace EasySmart.Ingestion.Mqtt;

/// <summary>Acknowledges to the broker what is committed, many at a time.</summary>
internal sealed partial class Acknowledger(ILogger<Acknowledger> logger) : IMessageSource, IDisposable
{
    // Held from taking acknowledgements to sending them, so that they leave in their order and on the connection that they belong to.
    private readonly SemaphoreSlim _sending = new(1);
    private BrokerConnection? _connection;

    /// <summary>What is delivered and not acknowledged.</summary>
    public DeliveryWindow Window { get; } = new();

    /// <summary>From now on acknowledgements go here.</summary>
    public async Task ReconnectedAsync(BrokerConnection connection, CancellationToken cancellation)
    {
        await _sending.WaitAsync(cancellation);
        Window.Reconnected(connection.SessionPresent);
        _connection = connection;
        _sending.Release();
    }

    public async ValueTask CommittedAsync(IReadOnlyList<Message> messages)
    {
        Window.Committed(messages);
        await _sending.WaitAsync();
        try
        {
            var packets = Window.TakeAcknowledgements(messages);
            if (packets.Count > 0 && _connection is { } connection)
            {
                await connection.AcknowledgeAsync(packets, CancellationToken.None);
            }
        }
        catch (Exception exception)
        {
            // The connection is gone; the broker delivers them again, and they are found stored.
            LogLost(exception.Message);
        }
        finally
        {
            _sending.Release();
        }
    }

    public void Dispose() => _sending.Dispose();

    [LoggerMessage(Level = LogLevel.Warning, Message = "Acknowledgements did not reach the broker: {Reason}")]
    private partial void LogLost(string reason);
}
