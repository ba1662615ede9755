using System.Text.Json.Nodes;

namespace EasySmart.ApiDocument;

/// <summary>Names of schemas when several services' documents become one.</summary>
internal static class SchemaNames
{
    private const string Reference = "$ref";
    private const string Prefix = "#/components/schemas/";

    /// <summary>A service's document is titled with its resource name.</summary>
    internal static string ServiceOf(JsonObject document) => (string)document["info"]!["title"]!;

    /// <summary>Where two services mean different things by one name, each gets its service's name before it.</summary>
    internal static void TellApart(IReadOnlyList<JsonObject> documents)
    {
        var clashes = documents.SelectMany(document => Schemas(document) ?? [])
            .GroupBy(schema => schema.Key, schema => schema.Value)
            .Where(same => same.Any(schema => !JsonNode.DeepEquals(schema, same.First())))
            .Select(same => same.Key).ToHashSet();
        foreach (var document in documents)
        {
            var service = string.Concat(ServiceOf(document).Split('-').Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
            foreach (var reference in References(document).Where(r => clashes.Contains(Name(r))).ToList())
            {
                reference[Reference] = Prefix + service + Name(reference);
            }

            foreach (var (name, schema) in (Schemas(document) ?? []).Where(s => clashes.Contains(s.Key)).ToList())
            {
                Schemas(document)!.Remove(name);
                Schemas(document)!.Add(service + name, schema);
            }
        }
    }

    /// <summary>Removes what only routes refer to that are not outside.</summary>
    internal static void DropUnused(JsonObject document)
    {
        if (Schemas(document) is not { } schemas)
        {
            return;
        }

        var used = new HashSet<string>();
        var beginnings = document.Where(part => part.Key != "components").Select(part => part.Value)
            .Concat(document["components"]!.AsObject().Where(part => part.Key != "schemas").Select(part => part.Value));
        var open = new Queue<JsonNode?>(beginnings);
        while (open.TryDequeue(out var node))
        {
            foreach (var name in References(node).Select(Name).Where(name => used.Add(name)))
            {
                open.Enqueue(schemas[name]);
            }
        }

        foreach (var unused in schemas.Select(schema => schema.Key).Where(name => !used.Contains(name)).ToList())
        {
            schemas.Remove(unused);
        }
    }

    private static JsonObject? Schemas(JsonObject document) => document["components"]?["schemas"]?.AsObject();

    private static string Name(JsonObject reference) => ((string)reference[Reference]!)[Prefix.Length..];

    private static IEnumerable<JsonObject> References(JsonNode? node) => node switch
    {
        JsonObject reference when (string?)reference[Reference] is { } target && target.StartsWith(Prefix, StringComparison.Ordinal) => [reference],
        JsonObject parent => parent.SelectMany(child => References(child.Value)),
        JsonArray list => list.SelectMany(References),
        _ => [],
    };
}
