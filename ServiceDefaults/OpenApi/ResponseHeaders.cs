using EasySmart.ServiceDefaults.Telemetry;
using Microsoft.OpenApi;

namespace EasySmart.ServiceDefaults.OpenApi;

/// <summary>The headers that answers carry, described once for the whole document.</summary>
internal static class ResponseHeaders
{
    private const string RequestIdName = "RequestId";
    private const string RetryAfterName = "RetryAfter";
    private const string NextPageName = "NextPage";

    internal static IEnumerable<(string Name, IOpenApiHeader Header)> All() =>
    [
        (NextPageName, Header(JsonSchemaType.String, "</users?limit=50&cursor=eyJpZCI6IjAxOWM1YmQxIn0>; rel=\"next\"",
            "Where the next page is, relative to this route; absent on the last page.")),
        (RequestIdName, Header(JsonSchemaType.String, "019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70",
            "Names this request in every log: the one that was sent (1 to 128 visible ASCII characters), or one that was made.")),
        (RetryAfterName, Header(JsonSchemaType.Integer, 5, "Seconds to wait before trying again.")),
    ];

    /// <summary>What every answer carries.</summary>
    internal static Dictionary<string, IOpenApiHeader> OfEveryAnswer(OpenApiDocument document) =>
        new() { [RequestId.Header] = new OpenApiHeaderReference(RequestIdName, document) };

    /// <summary>The same, and for how long to stay away.</summary>
    internal static Dictionary<string, IOpenApiHeader> WithRetryAfter(OpenApiDocument document) =>
        new(OfEveryAnswer(document)) { ["Retry-After"] = new OpenApiHeaderReference(RetryAfterName, document) };

    /// <summary>The same as every answer, and where the next page is.</summary>
    internal static Dictionary<string, IOpenApiHeader> OfPage(OpenApiDocument document) =>
        new(OfEveryAnswer(document)) { ["Link"] = new OpenApiHeaderReference(NextPageName, document) };

    private static OpenApiHeader Header(JsonSchemaType type, System.Text.Json.Nodes.JsonNode example, string description) =>
        new() { Description = description, Schema = new OpenApiSchema { Type = type, Examples = [example] } };
}
