using System.Text.Json;

namespace EasySmart.DeviceProvisioning.Sessions;

/// <summary>A session in the broker's list, connected or waiting for its client to come back; the fields as EMQX 5.8 names them.</summary>
/// <param name="Clientid">The MQTT client id.</param>
/// <param name="Username">Which the client logged in with.</param>
/// <param name="ClientAttrs">What the authenticator said of it.</param>
/// <param name="Connected">Whether the client is there.</param>
/// <param name="ConnectedAt">RFC 3339, or milliseconds since 1970.</param>
/// <param name="DisconnectedAt">RFC 3339, or milliseconds since 1970; of one that is not connected.</param>
/// <param name="IpAddress">The client's address.</param>
/// <param name="ExpiryInterval">Seconds that the session outlives the connection.</param>
public sealed record BrokerClient(
    string? Clientid,
    string? Username,
    Dictionary<string, string?>? ClientAttrs,
    bool Connected,
    JsonElement? ConnectedAt,
    JsonElement? DisconnectedAt,
    string? IpAddress,
    long? ExpiryInterval)
{
    /// <summary>The fields that are asked for.</summary>
    public const string Fields = "clientid,username,client_attrs,connected,connected_at,disconnected_at,ip_address,expiry_interval";

    /// <summary>The id that the authenticator gave under this name.</summary>
    public Guid? IdOf(string attribute) =>
        ClientAttrs?.GetValueOrDefault(attribute) is { } text && Guid.TryParse(text, out var id) ? id : null;

    /// <summary>A time of the list.</summary>
    public static DateTimeOffset? Time(JsonElement? time) => time switch
    {
        { ValueKind: JsonValueKind.String } text when text.TryGetDateTimeOffset(out var at) => at,
        { ValueKind: JsonValueKind.Number } number when number.TryGetInt64(out var milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds),
        _ => null,
    };
}

/// <summary>A page of the list.</summary>
public sealed record BrokerClientPage(List<BrokerClient> Data, BrokerClientPageMeta Meta);

/// <summary>Where in the list a page is.</summary>
public sealed record BrokerClientPageMeta(bool Hasnext);
