using System.Text.Json.Nodes;

namespace EasySmart.Fleet.Tests.Api;

/// <summary>The public API document, as it is committed and as the gateway serves it.</summary>
internal static class PublicApi
{
    private static readonly string[] Methods = ["get", "post", "put", "patch", "delete"];

    /// <summary>What is committed: test cases are made before there is a gateway to ask. A test holds the running one to it.</summary>
    public static JsonNode Committed { get; } = JsonNode.Parse(File.ReadAllText(Find()))!;

    public static IReadOnlyList<Operation> Operations { get; } =
    [
        .. Committed["paths"]!.AsObject().SelectMany(path => Methods.Where(method => path.Value![method] is not null)
            .Select(method => new Operation(method.ToUpperInvariant(), path.Key, path.Value![method]!))),
    ];

    /// <summary>Every permission that any operation asks for.</summary>
    public static IReadOnlySet<string> Permissions { get; } = Operations.SelectMany(o => o.Permissions).ToHashSet();

    public static Operation Named(string id) => Operations.Single(o => o.Id == id);

    /// <summary>The thing itself where the document refers to it.</summary>
    public static JsonNode Resolve(JsonNode node) => (string?)node["$ref"] is { } reference
        ? Resolve(reference.Split('/')[1..].Aggregate(Committed, (at, part) => at[part]!))
        : node;

    private static string Find()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "EasySmart.sln")))
        {
            directory = directory.Parent;
        }

        return Path.Combine(directory.FullName, "gateway", "openapi", "v1.json");
    }
}

/// <summary>One operation, and what the document says of it.</summary>
internal sealed class Operation(string method, string path, JsonNode told)
{
    public string Id { get; } = (string)told["operationId"]!;

    public HttpMethod Method { get; } = new(method);

    public string Path => path;

    public bool IsOpen => told["security"] is not JsonArray { Count: > 0 };

    public IReadOnlyList<string> Permissions { get; } =
        [.. (told["security"] as JsonArray ?? []).SelectMany(needed => needed!["bearer"]!.AsArray()).Select(permission => (string)permission!)];

    public IReadOnlyList<int> Statuses { get; } = [.. told["responses"]!.AsObject().Select(r => int.Parse(r.Key, System.Globalization.CultureInfo.InvariantCulture))];

    public IReadOnlyList<string> PathParameters { get; } = [.. ParametersOf(told).Where(p => (string)p["in"]! == "path").Select(p => (string)p["name"]!)];

    /// <summary>Required parameters of the query, each with its example.</summary>
    public string Query { get; } = string.Join('&', ParametersOf(told)
        .Where(p => (string)p["in"]! == "query" && (bool?)p["required"] is true)
        .Select(p => $"{p["name"]}={Uri.EscapeDataString(Example.Of(p["schema"]!)?.ToString() ?? "")}"));

    public bool HasBody => told["requestBody"] is not null;

    public bool NeedsBody => (bool?)told["requestBody"]?["required"] is true;

    public JsonNode? BodySchema => told["requestBody"]?["content"]?["application/json"]?["schema"] is { } schema ? PublicApi.Resolve(schema) : null;

    private static IEnumerable<JsonNode> ParametersOf(JsonNode told) => (told["parameters"] as JsonArray ?? []).Select(p => PublicApi.Resolve(p!));
}

/// <summary>What the document gives as an example, which a client may send as it stands.</summary>
internal static class Example
{
    public static JsonNode? Of(JsonNode schema)
    {
        schema = PublicApi.Resolve(schema);
        if (schema["examples"] is JsonArray { Count: > 0 } examples)
        {
            return examples[0]?.DeepClone();
        }

        if (schema["enum"] is JsonArray { Count: > 0 } values)
        {
            return values[0]?.DeepClone();
        }

        return schema["properties"] is JsonObject properties
            ? new JsonObject(properties.Where(p => IsSent(schema, p.Key, p.Value!)).Select(p => KeyValuePair.Create(p.Key, Of(p.Value!))))
            : schema["items"] is { } item ? new JsonArray(Of(item))
            : (schema["oneOf"] ?? schema["anyOf"]) is JsonArray choices ? Of(choices.Last()!)
            : TypesOf(schema).Contains("boolean") ? JsonValue.Create(true)
            : null;
    }

    /// <summary>The types that a value may have; none where it may be anything.</summary>
    public static IReadOnlyList<string> TypesOf(JsonNode schema) => PublicApi.Resolve(schema) switch
    {
        { } told when told["type"] is JsonArray several => [.. several.Select(type => (string)type!)],
        { } told when told["type"] is { } one => [(string)one!],
        { } told when (told["oneOf"] ?? told["anyOf"]) is JsonArray choices && choices.Select(c => TypesOf(c!)).ToList() is var types
            && types.All(t => t.Count > 0) => [.. types.SelectMany(t => t)],
        _ => [],
    };

    // What is neither needed nor given as an example is left out: its first value may be one that another route takes.
    private static bool IsSent(JsonNode schema, string name, JsonNode property) =>
        (schema["required"] as JsonArray ?? []).Any(required => (string?)required == name) || PublicApi.Resolve(property)["examples"] is not null;
}
