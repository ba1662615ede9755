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
    private readonly Publisher _publisher;
    private readonly Subscriber _subscriber;
    private long _lastHeard;
    private volatile bool _unblamed;

    public Connection(
        MqttConnectPacket connect, PacketChannel channel, Login login, Desk desk, CancellationToken transportClosed)
    {
        (_channel, _time, Access, Expires, ClientId) = (channel, desk.Time, login.Access!, login.Expires, connect.ClientId);
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
        _publisher = new Publisher(this, desk.Exchange, desk.Held, desk.Metrics, desk.Logger);
        _subscriber = new Subscriber(this, desk.Router, desk.Retained, desk.Metrics);
    }

    public string ClientId { get; }

    public AccessList Access { get; }

    public DateTimeOffset? Expires { get; }

    /// <summary>Unacknowledged messages the client takes at once.</summary>
    public int ReceiveMaximum { get; }

    public Outbound Outbound { get; }

    /// <summary>Set before anything is read or written.</summary>
    public Session Session { get; set; } = null!;

    /// <summary>Cancelled when this connection ends, from whichever side.</summary>
    public CancellationToken Closed { get; }

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
                while (_channel.TryDecode(ref buffer, out var packet))
                {
                    if (packet is MqttDisconnectPacket disconnect)
                    {
                        return disconnect;
                    }

                    await HandleAsync(packet);
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
        if (IsMqtt5)
        {
            Outbound.Send(new MqttDisconnectPacket { ReasonCode = reason });
        }

        Abort();
    }

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

    private ValueTask HandleAsync(MqttPacket packet)
    {
        switch (packet)
        {
            case MqttPublishPacket publish:
                return _publisher.ReceiveAsync(publish);
            case MqttPubAckPacket ack:
                Session.Acknowledge(this, ack.PacketIdentifier);
                break;
            case MqttPubRecPacket { ReasonCode: >= MqttPubRecReasonCode.UnspecifiedError } refused:
                Session.Acknowledge(this, refused.PacketIdentifier);
                break;
            case MqttPubRecPacket received:
                Outbound.Send(new MqttPubRelPacket
                {
                    PacketIdentifier = received.PacketIdentifier,
                    ReasonCode = Session.Release(this, received.PacketIdentifier)
                        ? MqttPubRelReasonCode.Success
                        : MqttPubRelReasonCode.PacketIdentifierNotFound,
                });
                break;
            case MqttPubRelPacket release:
                Outbound.Send(new MqttPubCompPacket
                {
                    PacketIdentifier = release.PacketIdentifier,
                    ReasonCode = Session.Forget(release.PacketIdentifier)
                        ? MqttPubCompReasonCode.Success
                        : MqttPubCompReasonCode.PacketIdentifierNotFound,
                });
                break;
            case MqttPubCompPacket complete:
                Session.Acknowledge(this, complete.PacketIdentifier);
                break;
            case MqttSubscribePacket subscribe:
                _subscriber.Subscribe(subscribe);
                break;
            case MqttUnsubscribePacket unsubscribe:
                _subscriber.Unsubscribe(unsubscribe);
                break;
            case MqttPingReqPacket:
                Outbound.Send(MqttPingRespPacket.Instance);
                break;
            default:
                throw new MqttProtocolViolationException("This packet is not the client's to send now.");
        }

        return ValueTask.CompletedTask;
    }
}
