namespace EasySmart.DeviceProvisioning.Presence;

/// <summary>What the broker tells of a client, in the words of EMQX 5.8's rule engine. Fields that are not of this event are absent.</summary>
/// <param name="Event"><c>client.connected</c>, <c>client.disconnected</c> or <c>session.subscribed</c>; others are ignored.</param>
/// <param name="Clientid">The MQTT client id.</param>
/// <param name="Username">Which the client logged in with.</param>
/// <param name="ClientAttrs">What the authenticator said of it: whose device it is. A service has none.</param>
/// <param name="Peername">Address and port.</param>
/// <param name="CleanStart">False where it may have found its session again.</param>
/// <param name="ExpiryInterval">Seconds that the session outlives the connection.</param>
/// <param name="ConnectedAt">Milliseconds since 1970.</param>
/// <param name="DisconnectedAt">Milliseconds since 1970.</param>
/// <param name="Reason">Why the connection ended.</param>
/// <param name="Topic">The filter subscribed to.</param>
/// <param name="Timestamp">Milliseconds since 1970; orders the events of a client.</param>
public sealed record BrokerEvent(
    string? Event,
    string? Clientid,
    string? Username,
    Dictionary<string, string?>? ClientAttrs,
    string? Peername,
    bool? CleanStart,
    long? ExpiryInterval,
    long? ConnectedAt,
    long? DisconnectedAt,
    string? Reason,
    string? Topic,
    long? Timestamp);
