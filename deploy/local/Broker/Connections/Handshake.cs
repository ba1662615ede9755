using System.Net;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>From the first byte to a login: reads CONNECT and asks the authenticator; answers whom it refuses.</summary>
internal sealed class Handshake(Authenticator authenticator, TimeProvider time)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public async Task<Admission?> AcceptAsync(ConnectionContext transport, PacketChannel channel)
    {
        if (await ReadConnectAsync(channel) is not { } connect)
        {
            return null;
        }

        // Before the question: rules may say ${clientid}.
        var assigned = string.IsNullOrEmpty(connect.ClientId);
        if (assigned)
        {
            connect.ClientId = "auto-" + Guid.CreateVersion7(time.GetUtcNow()).ToString("N");
        }

        // A WebSocket's peer is known to the HTTP request that it came by.
        var peer = transport.RemoteEndPoint as IPEndPoint
            ?? (transport.Features.Get<IHttpConnectionFeature>() is { RemoteIpAddress: { } from } http ? new(from, http.RemotePort) : null);
        var login = connect.AuthenticationMethod is null
            ? await AskAsync(connect, peer?.Address)
            : new(LoginResult.Refused, "enhanced authentication is not offered");
        if (login.Result == LoginResult.Allowed)
        {
            return new(connect, login, new Client(connect, channel.Version, login, peer), assigned);
        }

        channel.Write(Refusal(login.ReasonCode(channel.Version == MqttProtocolVersion.V500)), long.MaxValue);
        await channel.Output.FlushAsync(transport.ConnectionClosed);
        return null;
    }

    public static MqttConnAckPacket Welcome(Admission admission, bool sessionPresent, int maximumPacketSize) => new()
    {
        IsSessionPresent = sessionPresent,
        ReasonCode = MqttConnectReasonCode.Success,
        ReturnCode = MqttConnectReturnCode.ConnectionAccepted,
        AssignedClientIdentifier = admission.IdAssigned ? admission.Connect.ClientId : null,
        ReceiveMaximum = WaitingLine.Longest,
        MaximumPacketSize = (uint)maximumPacketSize,
        MaximumQoS = MqttQualityOfServiceLevel.ExactlyOnce,
        TopicAliasMaximum = ushort.MaxValue,
        RetainAvailable = true,
        WildcardSubscriptionAvailable = true,
        SubscriptionIdentifiersAvailable = true,
        SharedSubscriptionAvailable = false,
    };

    private async Task<Login> AskAsync(MqttConnectPacket connect, IPAddress? peer)
    {
        string password;
        try
        {
            password = connect.Password is null ? "" : StrictUtf8.GetString(connect.Password);
        }
        catch (DecoderFallbackException)
        {
            return new(LoginResult.Denied, "password is not UTF-8, which JSON cannot carry");
        }

        // Also for a client that has closed already: it may have said all it had to say without waiting for CONNACK.
        return await authenticator.AskAsync(new(connect.ClientId, connect.Username ?? "", password, peer?.ToString() ?? ""));
    }

    private async Task<MqttConnectPacket?> ReadConnectAsync(PacketChannel channel)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        while (true)
        {
            var read = await channel.Input.ReadAsync(patience.Token);
            var buffer = read.Buffer;
            var found = channel.TryDecode(ref buffer, out var packet);
            // What follows CONNECT has not been looked at: the next read must see it.
            channel.Input.AdvanceTo(buffer.Start, found ? buffer.Start : buffer.End);
            if (found)
            {
                return packet as MqttConnectPacket ?? throw new MqttProtocolViolationException("The first packet is not CONNECT.");
            }

            if (read.IsCompleted)
            {
                return null;
            }
        }
    }

    private static MqttConnAckPacket Refusal(MqttConnectReasonCode reason) => new()
    {
        ReasonCode = reason,
        ReturnCode = MqttConnectReasonCodeConverter.ToConnectReturnCode(reason),
        RetainAvailable = true,
        WildcardSubscriptionAvailable = true,
        SubscriptionIdentifiersAvailable = true,
        MaximumQoS = MqttQualityOfServiceLevel.ExactlyOnce,
    };
}

internal sealed record Admission(MqttConnectPacket Connect, Login Login, Client Client, bool IdAssigned);
