using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace EasySmart.Broker;

/// <summary>A client as EMQX's API shows it, in its names, types and units; of its counters only a few.</summary>
internal sealed record ClientEntry(
    [property: JsonPropertyName("clientid")] string ClientId,
    [property: JsonPropertyName("username")] string UserName,
    bool Connected,
    string IpAddress,
    int Port,
    string ProtoName,
    int ProtoVer,
    [property: JsonPropertyName("keepalive")] int KeepAlive,
    bool CleanStart,
    uint ExpiryInterval,
    string CreatedAt,
    string ConnectedAt,
    string? DisconnectedAt,
    bool IsExpired,
    [property: JsonPropertyName("durable")] bool IsDurable,
    int SubscriptionsCnt,
    int MqueueLen,
    int InflightCnt,
    IReadOnlyDictionary<string, string> ClientAttrs)
{
    private const int Mqtt31 = 3;

    public static IReadOnlySet<string> Fields { get; } = ClientJson.Default.ClientEntry.Properties.Select(p => p.Name).ToHashSet();

    public static ClientEntry Of(Session session)
    {
        var client = session.Client;
        var (waiting, inFlight) = session.Messages;
        return new(
            client.Id,
            client.UserName,
            client.DisconnectedAt == 0,
            client.Address,
            client.Port,
            client.ProtocolVersion == Mqtt31 ? "MQIsdp" : "MQTT",
            client.ProtocolVersion,
            client.KeepAlive,
            client.CleanStart,
            client.ExpiryInterval,
            Rfc3339(session.CreatedAt),
            Rfc3339(client.ConnectedAt),
            client.DisconnectedAt == 0 ? null : Rfc3339(client.DisconnectedAt),
            IsExpired: false,
            IsDurable: false,
            session.Subscriptions.Count,
            waiting,
            inFlight,
            client.Attributes);
    }

    private static string Rfc3339(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
        .ToString("yyyy-MM-dd'T'HH:mm:ss.fffzzz", CultureInfo.InvariantCulture);
}

internal sealed record ClientPage(IReadOnlyList<JsonObject> Data, PageMeta Meta);

internal sealed record PageMeta(int Page, int Limit, int Count, [property: JsonPropertyName("hasnext")] bool HasNext);

internal sealed record ApiError(string Code, string Message);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ClientEntry))]
[JsonSerializable(typeof(ClientPage))]
[JsonSerializable(typeof(ApiError))]
internal sealed partial class ClientJson : JsonSerializerContext;
