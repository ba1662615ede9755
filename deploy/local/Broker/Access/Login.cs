using System.Collections.ObjectModel;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

internal enum LoginResult
{
    Allowed,

    /// <summary>The authenticator knows this client, or the like of it, and said no.</summary>
    Denied,

    /// <summary>No allow was heard: an answer that EMQX would ignore, or an ACL that it would not take.</summary>
    Refused,

    /// <summary>Nobody could say. The client does well to come back.</summary>
    Unavailable,
}

internal sealed record Login(LoginResult Result, string? Reason, AccessList? Access = null, DateTimeOffset? Expires = null)
{
    /// <summary>What the authenticator wants to hear again with each event of the client.</summary>
    public IReadOnlyDictionary<string, string> Attributes { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    public MqttConnectReasonCode ReasonCode(bool mqtt5) => Result switch
    {
        LoginResult.Allowed => MqttConnectReasonCode.Success,
        LoginResult.Denied => MqttConnectReasonCode.BadUserNameOrPassword,
        // As EMQX, which tells an MQTT 3.1.1 client "not authorized" whatever went wrong behind it.
        LoginResult.Unavailable when mqtt5 => MqttConnectReasonCode.ServerUnavailable,
        _ => MqttConnectReasonCode.NotAuthorized,
    };
}
