using System.Net;
using MQTTnet.Formatter;
using MQTTnet.Packets;

namespace EasySmart.Broker;

/// <summary>
/// One login of a client: what EMQX tells of it in its API and its events. Its session keeps it when the connection has gone.
/// </summary>
internal sealed class Client(MqttConnectPacket connect, MqttProtocolVersion version, Login login, IPEndPoint? peer)
{
    // EMQX's default for MQTT 3.1.1 clients that ask for a session and cannot say for how long.
    private const uint UnspokenExpiry = 2 * 60 * 60;

    public string Id { get; } = connect.ClientId;

    public string UserName { get; } = connect.Username ?? "";

    /// <summary>What the authenticator said about it: client_attrs.</summary>
    public IReadOnlyDictionary<string, string> Attributes { get; } = login.Attributes;

    public string Address { get; } =
        (peer?.Address is { IsIPv4MappedToIPv6: true } mapped ? mapped.MapToIPv4() : peer?.Address)?.ToString() ?? "";

    public int Port { get; } = peer?.Port ?? 0;

    /// <summary>As EMQX writes it: no brackets around IPv6.</summary>
    public string PeerName => $"{Address}:{Port}";

    public int ProtocolVersion { get; } = (int)version;

    public ushort KeepAlive { get; } = connect.KeepAlivePeriod;

    public bool CleanStart { get; } = connect.CleanSession;

    /// <summary>Seconds that the session outlives the connection; 4294967295 is for ever. DISCONNECT may change it.</summary>
    public uint ExpiryInterval { get; set; } = (version, connect.CleanSession) switch
    {
        (MqttProtocolVersion.V500, _) => connect.SessionExpiryInterval,
        (_, true) => 0,
        _ => UnspokenExpiry,
    };

    /// <summary>Milliseconds since 1970, by the client's clock. The two are written under the session store's lock.</summary>
    public long ConnectedAt { get; set; }

    /// <summary>0 while it is connected.</summary>
    public long DisconnectedAt { get; set; }
}
