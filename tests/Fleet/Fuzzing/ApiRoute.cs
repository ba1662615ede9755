using System.Text.Json;

namespace EasySmart.Fleet.Tests.Fuzzing;

/// <summary>A call of the API, as its service's own document describes it now: what is added later is fuzzed without a word here.</summary>
internal sealed record ApiRoute(string Method, string Path, Schema? Body, string[] Query)
{
    /// <summary>Whether it hashes what it is sent, slowly and on purpose.</summary>
    public bool Hashes { get; } = Body?.Properties.Any(property => property.Name.Contains("password", StringComparison.Ordinal)) ?? false;

    /// <summary>Whether it is the operator's, who has no tenant; on the others it has to name one.</summary>
    public bool IsOperators { get; } = Path.StartsWith("/admins", StringComparison.Ordinal)
        || (Path.StartsWith("/tenants", StringComparison.Ordinal) && Path != "/tenants/me");

    public override string ToString() => $"{Method} {Path}";

    /// <summary>Everything that the services describe and the gateway forwards, in a fixed order.</summary>
    public static async Task<ApiRoute[]> AllAsync()
    {
        using var http = new HttpClient();
        var routes = new List<ApiRoute>();
        foreach (var service in new[] { "identity", "device-provisioning", "ingestion", "telemetry-query", "billing-quota", "notifier" })
        {
            var text = await http.GetStringAsync(new Uri(Fleet.Service(service), "/openapi/v1.json"), TestContext.Current.CancellationToken);
            var document = JsonSerializer.Deserialize<JsonElement>(text);
            if (document.TryGetProperty("paths", out var paths))
            {
                routes.AddRange(paths.EnumerateObject().Where(path => !path.Name.StartsWith("/internal/", StringComparison.Ordinal)
                        && !path.Name.StartsWith("/.well-known/", StringComparison.Ordinal))
                    .SelectMany(path => path.Value.EnumerateObject().Where(IsOperation).Select(operation => Read(document, path.Name, operation))));
            }
        }

        // A call without any input cannot be fuzzed; some of them end the session that the others need.
        return [.. routes.Where(route => route.Body is not null || route.Query.Length > 0 || route.Path.Contains('{', StringComparison.Ordinal)
            || route.Method == "GET").OrderBy(route => route.ToString(), StringComparer.Ordinal)];
    }

    private static bool IsOperation(JsonProperty property) => property.Name is "get" or "post" or "put" or "patch" or "delete";

    private static ApiRoute Read(JsonElement document, string path, JsonProperty operation)
    {
        Schema? body = null;
        if (operation.Value.TryGetProperty("requestBody", out var request) && request.GetProperty("content").TryGetProperty("application/json", out var json))
        {
            body = Schema.Read(document, json.GetProperty("schema"));
        }

        string[] query = operation.Value.TryGetProperty("parameters", out var parameters)
            ? [.. parameters.EnumerateArray().Where(p => p.TryGetProperty("in", out var place) && place.GetString() == "query").Select(p => p.GetProperty("name").GetString()!)]
            : [];
        return new ApiRoute(operation.Name.ToUpperInvariant(), path, body, query);
    }
}

/// <summary>As much of a JSON schema as it takes to write something that nearly fits.</summary>
internal sealed record Schema(string Name, string Type, string Format, string[] Words, Schema[] Properties, Schema? Items)
{
    private const int Deepest = 6;

    public static Schema Read(JsonElement document, JsonElement schema, string name = "", int depth = 0)
    {
        schema = Resolve(document, schema);
        var below = depth < Deepest;
        return new Schema(
            name,
            TypeOf(schema),
            schema.TryGetProperty("format", out var format) ? format.GetString()! : "",
            schema.TryGetProperty("enum", out var words) ? [.. words.EnumerateArray().Select(word => word.GetRawText())] : [],
            below && schema.TryGetProperty("properties", out var properties)
                ? [.. properties.EnumerateObject().Select(property => Read(document, property.Value, property.Name, depth + 1))]
                : [],
            below && schema.TryGetProperty("items", out var items) ? Read(document, items, "", depth + 1) : null);
    }

    private static JsonElement Resolve(JsonElement document, JsonElement schema)
    {
        for (var hops = 0; hops < Deepest; hops++)
        {
            if (schema.TryGetProperty("$ref", out var reference))
            {
                schema = reference.GetString()!.Split('/').Skip(1).Aggregate(document, (at, word) => at.GetProperty(word));
            }
            else if (schema.TryGetProperty("oneOf", out var choices) || schema.TryGetProperty("anyOf", out choices))
            {
                schema = choices.EnumerateArray().Last();
            }
        }

        return schema;
    }

    // 3.1 writes an optional text as ["null", "string"].
    private static string TypeOf(JsonElement schema) => !schema.TryGetProperty("type", out var type) ? ""
        : type.ValueKind == JsonValueKind.Array ? type.EnumerateArray().Select(t => t.GetString()!).Last(t => t != "null")
        : type.GetString()!;
}
