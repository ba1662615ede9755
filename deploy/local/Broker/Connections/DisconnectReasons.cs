using System.Text.Json;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>Why a connection ended, as EMQX spells it in its events.</summary>
internal static class DisconnectReasons
{
    /// <summary>Another connection goes on with the session.</summary>
    public const string TakenOver = "takenover";

    /// <summary>Another connection of the same client id has begun a new session.</summary>
    public const string Discarded = "discarded";

    public const string Kicked = "kicked";

    public const string Failed = "internal_error";

    /// <summary>The peer of a TCP connection went without DISCONNECT.</summary>
    public const string TcpClosed = "tcp_closed";

    /// <summary>The same of a WebSocket, whose {error, closed} EMQX's rule engine shortens to this.</summary>
    public const string WebSocketClosed = "error";

    public static string Of(MqttDisconnectReasonCode code) => code switch
    {
        MqttDisconnectReasonCode.NormalDisconnection => "normal",
        MqttDisconnectReasonCode.KeepAliveTimeout => "keepalive_timeout",
        MqttDisconnectReasonCode.PacketTooLarge => "frame_too_large",
        _ when Enum.GetName(code) is { } name => JsonNamingPolicy.SnakeCaseLower.ConvertName(name),
        _ => "unknown_error",
    };
}
