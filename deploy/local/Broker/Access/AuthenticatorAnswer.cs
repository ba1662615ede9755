using System.Text.Json.Serialization;

namespace EasySmart.Broker;

/// <summary>What EMQX's HTTP authenticator sends for a CONNECT.</summary>
internal sealed record AuthenticatorQuestion(
    [property: JsonPropertyName("clientid")] string ClientId,
    [property: JsonPropertyName("username")] string UserName,
    [property: JsonPropertyName("password")] string Password,
    [property: JsonPropertyName("peerhost")] string PeerHost);

/// <summary>What it reads back from a 200.</summary>
internal sealed record AuthenticatorAnswer(
    [property: JsonPropertyName("result")] string? Result,
    [property: JsonPropertyName("is_superuser")] bool IsSuperuser,
    [property: JsonPropertyName("expire_at")] long? ExpireAt,
    [property: JsonPropertyName("client_attrs")] IReadOnlyDictionary<string, string>? ClientAttrs,
    [property: JsonPropertyName("acl")] IReadOnlyList<AccessRule>? Acl);

/// <summary>
/// One rule. A field that EMQX knows and we do not (qos, retain, topics) fails the login, for leaving it out would widen the rule.
/// </summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record AccessRule(
    [property: JsonPropertyName("permission")] string? Permission,
    [property: JsonPropertyName("action")] string? Action,
    [property: JsonPropertyName("topic")] string? Topic);

[JsonSerializable(typeof(AuthenticatorQuestion))]
[JsonSerializable(typeof(AuthenticatorAnswer))]
internal sealed partial class AuthenticatorJson : JsonSerializerContext;
