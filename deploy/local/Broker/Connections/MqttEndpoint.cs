using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using MQTTnet.Exceptions;
using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>A connection's life, the same for TCP and WebSocket.</summary>
internal sealed partial class MqttEndpoint(
    Handshake handshake, SessionStore sessions, Connections connections, Wills wills, Desk desk, ILogger<MqttEndpoint> logger)
    : ConnectionHandler
{
    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        if (connection.Features.Get<ITransferFormatFeature>() is { } webSocket)
        {
            webSocket.ActiveFormat = TransferFormat.Binary;
        }

        var channel = new PacketChannel(connection, desk.Options.MaximumPacketSize);
        try
        {
            if (await handshake.AcceptAsync(connection, channel) is { } admission)
            {
                await ServeAsync(connection, channel, admission);
            }
        }
        catch (Exception e) when (e is MqttProtocolViolationException or OperationCanceledException or IOException)
        {
            LogGone(connection.RemoteEndPoint, e.Message);
        }
        finally
        {
            await channel.Input.CompleteAsync();
            await channel.Output.CompleteAsync();
        }
    }

    private async Task ServeAsync(ConnectionContext transport, PacketChannel channel, Admission admission)
    {
        var connect = admission.Connect;
        using var connection = new Connection(admission, channel, desk, transport.ConnectionClosed);
        MqttDisconnectPacket? disconnect = null;
        (connection.Session, var present, var before, var will) = sessions.Attach(connection, connect.CleanSession);
        before?.Close(MqttDisconnectReasonCode.SessionTakenOver);
        connections.Add(connection);
        if (will is not null)
        {
            wills.Publish(will, connection.ClientId);
        }

        try
        {
            connection.Outbound.Send(Handshake.Welcome(admission, present, desk.Options.MaximumPacketSize));
            connection.Outbound.Start();
            disconnect = await connection.RunAsync();
        }
        finally
        {
            connection.EndAs(disconnect is not null ? DisconnectReasons.Of(disconnect.ReasonCode)
                : transport.Features.Get<ITransferFormatFeature>() is null ? DisconnectReasons.TcpClosed
                : DisconnectReasons.WebSocketClosed);
            connection.Abort();
            await FarewellAsync(connection, connect, disconnect);
        }
    }

    private async Task FarewellAsync(Connection connection, MqttConnectPacket connect, MqttDisconnectPacket? disconnect)
    {
        try
        {
            var will = disconnect is null or { ReasonCode: MqttDisconnectReasonCode.DisconnectWithWillMessage } ? Wills.Of(connect) : null;
            if (will is not null && !connection.Access.AllowsPublish(will.Topic))
            {
                desk.Metrics.Denied("will");
                will = null;
            }

            if (disconnect?.SessionExpiryInterval is > 0 and var said)
            {
                connection.Client.ExpiryInterval = said;
            }

            var due = sessions.Detach(connection, will, TimeSpan.FromSeconds(connect.WillDelayInterval));
            await connection.Outbound.StopAsync();
            if (due is not null)
            {
                wills.Publish(due, connection.ClientId);
            }
        }
        finally
        {
            connections.Remove(connection);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Connection from {Peer} ended before it was a client's: {Reason}")]
    private partial void LogGone(EndPoint? peer, string reason);
}
