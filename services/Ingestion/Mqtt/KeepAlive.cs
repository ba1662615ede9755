using MQTTnet.Exceptions;

namespace EasySmart.Ingestion.Mqtt;

/// <summary>Keeps a connection alive, and ends it when the broker has gone silent while we were listening.</summary>
internal sealed class KeepAlive(BrokerConnection connection, TimeSpan period, TimeProvider clock)
{
    private long _heardAt = clock.GetTimestamp();

    /// <summary>Whether a packet is being waited for. While we hold as much as we can, nothing is read and silence says nothing.</summary>
    public bool Listening { get; set; }

    public void Heard()
    {
        Listening = false;
        Interlocked.Exchange(ref _heardAt, clock.GetTimestamp());
    }

    public async Task RunAsync(CancellationToken ended)
    {
        using var timer = new PeriodicTimer(period / 2, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(ended))
            {
                if (Listening && clock.GetElapsedTime(Interlocked.Read(ref _heardAt)) > period * 1.5)
                {
                    connection.Dispose();
                    return;
                }

                await connection.PingAsync(ended);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or MqttCommunicationException or ObjectDisposedException)
        {
            // The reader hears of it too.
        }
    }
}
