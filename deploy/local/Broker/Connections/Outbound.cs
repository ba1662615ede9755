using System.Collections.Concurrent;
using System.Threading.Channels;
using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>
/// Writes to one client: first what it waits for (acknowledgements, PINGRESP), then what its session lets out.
/// Nobody who calls it waits for the client, and a full window holds back nothing but messages.
/// </summary>
internal sealed partial class Outbound(
    Connection connection, PacketChannel channel, uint maximumPacketSize, BrokerMetrics metrics, ILogger logger)
{
    private const int BatchSize = 64;

    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    private readonly long _most = maximumPacketSize == 0 ? long.MaxValue : maximumPacketSize;
    private readonly ConcurrentQueue<MqttPacket> _control = new();
    private readonly List<MqttPacket> _batch = new(BatchSize);
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { SingleReader = true });
    private int _signalled;
    private volatile bool _stopping;
    private Task _writing = Task.CompletedTask;

    public void Send(MqttPacket control)
    {
        _control.Enqueue(control);
        Wake();
    }

    public void Wake()
    {
        if (Interlocked.Exchange(ref _signalled, 1) == 0)
        {
            _signal.Writer.TryWrite(true);
        }
    }

    /// <summary>From here on it writes; what was sent before comes first.</summary>
    public void Start()
    {
        _writing = WriteAsync();
        Wake();
    }

    /// <summary>Writes the acknowledgements and the DISCONNECT that are queued, unless the client does not take them.</summary>
    public async Task StopAsync()
    {
        _stopping = true;
        Wake();
        try
        {
            await _writing.WaitAsync(LastWords);
        }
        catch (TimeoutException)
        {
            channel.Output.CancelPendingFlush();
            await _writing;
        }
    }

    private async Task WriteAsync()
    {
        try
        {
            while (true)
            {
                await _signal.Reader.ReadAsync();
                Interlocked.Exchange(ref _signalled, 0);
                var stopping = _stopping;
                while (WriteSome(stopping))
                {
                    var flushed = await channel.Output.FlushAsync();
                    if (flushed.IsCompleted || flushed.IsCanceled)
                    {
                        return;
                    }
                }

                if (stopping)
                {
                    return;
                }
            }
        }
        catch (IOException)
        {
            // The client is gone, as the reading side learns when it has read what the client said last. What it did
            // not acknowledge stays in its session.
        }
        catch (Exception e)
        {
            LogFailed(e, connection.ClientId);
            connection.EndAs(DisconnectReasons.Failed);
            connection.Abort();
        }
    }

    private bool WriteSome(bool stopping)
    {
        var wrote = false;
        for (var i = 0; i < BatchSize && _control.TryDequeue(out var packet); i++)
        {
            channel.Write(packet, _most);
            wrote = true;
        }

        if (stopping)
        {
            return wrote;
        }

        _batch.Clear();
        connection.Session.Take(connection, _batch, BatchSize, out var expired);
        if (expired > 0)
        {
            metrics.Dropped(expired, "expired");
        }

        foreach (var packet in _batch)
        {
            if (!channel.Write(packet, _most) && packet is MqttPublishPacket tooLarge)
            {
                metrics.Dropped(1, "too_large");
                if (tooLarge.QualityOfServiceLevel > MqttQualityOfServiceLevel.AtMostOnce)
                {
                    connection.Session.Acknowledge(connection, tooLarge.PacketIdentifier);
                }
            }
        }

        metrics.Delivered(_batch.Count);
        return wrote || _batch.Count > 0 || expired > 0;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Writing to {ClientId} failed")]
    private partial void LogFailed(Exception exception, string clientId);
}
