using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>One client that is connected: reads its packets and hands them on.</summary>
internal sealed class Connection : IDisposable
{
    private readonly PacketChannel _channel;
    private readonly TimeProvider _time;
    private readonly TimeSpan _silence;
    private readonly CancellationTokenSource _abort = new();
    private readonly CancellationTokenSource _closed;
    private readonly PacketHandler _packets;
    private long _lastHeard;
    private volatile bool _unblamed;
    private volatile string? _endReason;

    public Connection(Admission admission, PacketChannel channel, Desk desk, CancellationToken transportClosed)
    {
        var (connect, login) = (admission.Connect, admission.Login);
        (Client, _channel, _time, Access, Expires) = (admission.Client, channel, desk.Time, login.Access!, login.Expires);
        _silence = connect.KeepAlivePeriod == 0 ? TimeSpan.MaxValue : connect.KeepAlivePeriod * TimeSpan.FromSeconds(1.5);
        _lastHeard = desk.Time.GetTimestamp();
        _closed = CancellationTokenSource.CreateLinkedTokenSource(transportClosed, _abort.Token);
        Closed = _closed.Token;
        ReceiveMaximum = (IsMqtt5, connect.ReceiveMaximum) switch
        {
            (false, _) => desk.Options.DefaultReceiveMaximum,
            (true, 0) => ushort.MaxValue,
            (true, var said) => said,
        };
        Outbound = new Outbound(this, channel, connect.MaximumPacketSize, desk.Metrics, desk.Logger);
        _packets = new PacketHandler(this, desk);
    }

    public Client Client { get; }

    public string ClientId => Client.Id;

    public string UserName => Client.UserName;

    public AccessList Access { get; }

    public DateTimeOffset? Expires { get; }

    /// <summary>Unacknowledged messages the client takes at once.</summary>
    public int ReceiveMaximum { get; }

    public Outbound Outbound { get; }

    /// <summary>Set before anything is read or written.</summary>
    public Session Session { get; set; } = null!;

    /// <summary>Cancelled when this connection ends, from whichever side.</summary>
    public CancellationToken Closed { get; }

    /// <summary>Why the broker ended it, the first of the reasons if there were several; null when it did not.</summary>
    public string? EndReason => _endReason;

    public bool IsMqtt5 => _channel.Version == MqttProtocolVersion.V500;

    public bool IsSilent => !_unblamed && _time.GetElapsedTime(Volatile.Read(ref _lastHeard)) > _silence;

    /// <returns>The client's DISCONNECT, null when it went without one.</returns>
    public async Task<MqttDisconnectPacket?> RunAsync()
    {
        try
        {
            while (true)
            {
                // Not until the peer has closed, but until all that it sent before is read.
                var read = await _channel.Input.ReadAsync(_abort.Token);
                Volatile.Write(ref _lastHeard, _time.GetTimestamp());
                var buffer = read.Buffer;
                // Of a client that is thrown out not one packet more, though it be here already.
                while (!_abort.IsCancellationRequested && _channel.TryDecode(ref buffer, out var packet))
                {
                    if (packet is MqttDisconnectPacket disconnect)
                    {
                        return disconnect;
                    }

                    await _packets.HandleAsync(packet);
                }

                _channel.Input.AdvanceTo(buffer.Start, buffer.End);
                if (read.IsCompleted || read.IsCanceled)
                {
                    return null;
                }
            }
        }
        catch (MqttProtocolViolationException e)
        {
            Close(e is PacketTooLargeException ? MqttDisconnectReasonCode.PacketTooLarge : MqttDisconnectReasonCode.ProtocolError);
            return null;
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            return null;
        }
    }

    /// <summary>Waits without reading; a client that we do not listen to is not to blame for its silence.</summary>
    public async ValueTask WaitUnblamedAsync(Task task)
    {
        _unblamed = true;
        try
        {
            await task.WaitAsync(_abort.Token);
        }
        finally
        {
            Volatile.Write(ref _lastHeard, _time.GetTimestamp());
            _unblamed = false;
        }
    }

    public void Close(MqttDisconnectReasonCode reason)
    {
        EndAs(DisconnectReasons.Of(reason));
        if (IsMqtt5)
        {
            Outbound.Send(new MqttDisconnectPacket { ReasonCode = reason });
        }

        Abort();
    }

    public void EndAs(string reason) => Interlocked.CompareExchange(ref _endReason, reason, null);

    public void Abort()
    {
        try
        {
            _abort.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It ended by itself a moment ago.
        }
    }

    public void Dispose()
    {
        _closed.Dispose();
        _abort.Dispose();
    }
}
