using System.Text.Json.Serialization;

namespace EasySmart.Broker;

/// <summary>
/// What EMQX's rules on <c>$events/client_connected</c>, <c>client_disconnected</c> and <c>session_subscribed</c> would
/// select and its HTTP action would post: the names and units of EMQX 5.8's rule engine, and no field that its event lacks.
/// </summary>
internal sealed record ClientEvent(
    string Event,
    [property: JsonPropertyName("clientid")] string ClientId,
    [property: JsonPropertyName("username")] string UserName,
    IReadOnlyDictionary<string, string> ClientAttrs,
    [property: JsonPropertyName("peername")] string PeerName,
    long Timestamp)
{
    public bool? CleanStart { get; init; }

    public uint? ExpiryInterval { get; init; }

    public long? ConnectedAt { get; init; }

    public long? DisconnectedAt { get; init; }

    public string? Reason { get; init; }

    public string? Topic { get; init; }

    [JsonPropertyName("qos")]
    public int? QoS { get; init; }

    public static ClientEvent Connected(Client client) => Of("client.connected", client, client.ConnectedAt) with
    {
        CleanStart = client.CleanStart,
        ExpiryInterval = client.ExpiryInterval,
        ConnectedAt = client.ConnectedAt,
    };

    public static ClientEvent Disconnected(Client client, string reason) => Of("client.disconnected", client, client.DisconnectedAt) with
    {
        Reason = reason,
        ConnectedAt = client.ConnectedAt,
        DisconnectedAt = client.DisconnectedAt,
    };

    public static ClientEvent Subscribed(Client client, string topic, int qos, long at) => Of("session.subscribed", client, at) with
    {
        Topic = topic,
        QoS = qos,
    };

    private static ClientEvent Of(string name, Client client, long at) =>
        new(name, client.Id, client.UserName, client.Attributes, client.PeerName, at);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ClientEvent))]
internal sealed partial class ClientEventJson : JsonSerializerContext;
