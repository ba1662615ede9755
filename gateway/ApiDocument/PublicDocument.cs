using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;

namespace EasySmart.ApiDocument;

/// <summary>
/// The one document that the outside reads: every service's routes, as far as the gateway lets them through and under its prefix, in the
/// frame that <c>frame.json</c> and <c>introduction.md</c> give. The same input gives the same text.
/// </summary>
public static class PublicDocument
{
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        // It is no part of a page, and is read by people too.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Merges the documents that services emit.</summary>
    /// <exception cref="InvalidDataException">They do not fit together; the message says what to change.</exception>
    public static async Task<string> MergeAsync(IEnumerable<string> serviceDocuments)
    {
        var frame = JsonNode.Parse(await ReadAsync("frame.json"))!.AsObject();
        frame["info"]!["description"] = await ReadAsync("introduction.md");
        var services = serviceDocuments.Select(text => JsonNode.Parse(text)!.AsObject()).OrderBy(SchemaNames.ServiceOf, StringComparer.Ordinal).ToList();
        SchemaNames.TellApart(services);

        var merged = Parse(frame);
        foreach (var service in services)
        {
            Add(Parse(service), SchemaNames.ServiceOf(service), merged);
        }

        Order(merged);
        var json = JsonNode.Parse(await merged.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1))!.AsObject();
        SchemaNames.DropUnused(json);
        return json.ToJsonString(Readable) + "\n";
    }

    private static void Add(OpenApiDocument service, string name, OpenApiDocument merged)
    {
        foreach (var (path, item) in service.Paths)
        {
            foreach (var (method, operation) in item.Operations ?? [])
            {
                if (GatewayTable.Find(name, method.Method, path) is not { } route)
                {
                    continue;
                }

                if (route.OpenTo is null != operation.Security is { Count: > 0 })
                {
                    throw new InvalidDataException(
                        $"{method.Method} {path} is open in one of gateway/Routes.cs and {name}, and needs a token in the other");
                }

                Add(merged, GatewayTable.Prefix + path, method, operation);
            }
        }

        AddMissing(merged, service.Components);
    }

    private static void Add(OpenApiDocument merged, string path, HttpMethod method, OpenApiOperation operation)
    {
        if (merged.Paths.Values.SelectMany(p => p.Operations ?? []).Any(o => o.Value.OperationId == operation.OperationId))
        {
            throw new InvalidDataException($"Two operations are called {operation.OperationId}: rename the slice of {method} {path}, or name it with WithName");
        }

        if (!merged.Paths.TryGetValue(path, out var item))
        {
            merged.Paths.Add(path, item = new OpenApiPathItem());
        }

        ((OpenApiPathItem)item).AddOperation(method, operation);
    }

    // Schemas that differ have different names by now; the rest comes from ServiceDefaults and is the same everywhere.
    private static void AddMissing(OpenApiDocument merged, OpenApiComponents? components)
    {
        var all = merged.Components ??= new OpenApiComponents();
        all.Schemas = Union(all.Schemas, components?.Schemas);
        all.Responses = Union(all.Responses, components?.Responses);
        all.Headers = Union(all.Headers, components?.Headers);
        all.SecuritySchemes = Union(all.SecuritySchemes, components?.SecuritySchemes);
    }

    private static SortedDictionary<string, T> Union<T>(IDictionary<string, T>? all, IDictionary<string, T>? more)
    {
        var union = new SortedDictionary<string, T>(all ?? new Dictionary<string, T>(), StringComparer.Ordinal);
        foreach (var (name, value) in more ?? new Dictionary<string, T>())
        {
            union.TryAdd(name, value);
        }

        return union;
    }

    // Tags as the frame has them, those that it does not know behind them; in each, paths by name and methods as people think of them.
    private static void Order(OpenApiDocument merged)
    {
        List<string> methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
        var used = merged.Paths.Values.Select(TagOf).ToHashSet();
        // The frame also describes what no service has yet.
        merged.Tags = merged.Tags?.Where(tag => used.Contains(tag.Name)).ToHashSet();
        var tags = merged.Tags?.Select(t => t.Name).ToList() ?? [];
        var sorted = merged.Paths
            .OrderBy(p => tags.IndexOf(TagOf(p.Value) ?? "") is var i and >= 0 ? i : int.MaxValue)
            .ThenBy(p => TagOf(p.Value), StringComparer.Ordinal)
            .ThenBy(p => p.Key, StringComparer.Ordinal).ToList();
        merged.Paths.Clear();
        foreach (var (path, item) in sorted)
        {
            ((OpenApiPathItem)item).Operations = item.Operations!.OrderBy(o => methods.IndexOf(o.Key.Method)).ToDictionary(o => o.Key, o => o.Value);
            merged.Paths.Add(path, item);
        }
    }

    private static string? TagOf(IOpenApiPathItem item) => item.Operations?.Values.SelectMany(o => o.Tags ?? new HashSet<OpenApiTagReference>()).FirstOrDefault()?.Name;

    private static OpenApiDocument Parse(JsonObject json)
    {
        var read = OpenApiDocument.Parse(json.ToJsonString(), "json");
        return read is { Document: { } document, Diagnostic.Errors: null or [] }
            ? document
            : throw new InvalidDataException($"{SchemaNames.ServiceOf(json)}: {string.Join("; ", read.Diagnostic?.Errors ?? [])}");
    }

    private static async Task<string> ReadAsync(string name)
    {
        using var reader = new StreamReader(typeof(PublicDocument).Assembly.GetManifestResourceStream(name)!);
        return (await reader.ReadToEndAsync()).ReplaceLineEndings("\n");
    }
}
