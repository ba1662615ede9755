using System.Text.Json;
using System.Text.Json.Nodes;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.OpenApi;

namespace EasySmart.ServiceDefaults.OpenApi;

/// <summary>The contract's error answers, as responses that operations refer to: one envelope, an example for each code.</summary>
internal static class ErrorResponses
{
    private static readonly Dictionary<int, string> Names = new()
    {
        [400] = "BadRequest",
        [401] = "Unauthorized",
        [403] = "Forbidden",
        [404] = "NotFound",
        [405] = "MethodNotAllowed",
        [409] = "Conflict",
        [413] = "PayloadTooLarge",
        [415] = "UnsupportedMediaType",
        [429] = "TooManyRequests",
        [500] = "InternalError",
        [503] = "ServiceUnavailable",
        [504] = "GatewayTimeout",
    };

    internal static IEnumerable<(string Name, OpenApiResponse Response)> All(OpenApiDocument document) =>
        Names.Select(name => (name.Value, Response(name.Key, null, document)));

    /// <summary>The answer for <paramref name="status"/>: the usual one, or one of this operation's own when it says why.</summary>
    internal static IOpenApiResponse For(int status, string? because, OpenApiDocument document) => because is null && Names.TryGetValue(status, out var name)
        ? new OpenApiResponseReference(name, document)
        : Response(status, because, document);

    private static OpenApiResponse Response(int status, string? because, OpenApiDocument document)
    {
        var usual = ErrorEnvelope.Usual(status);
        return new OpenApiResponse
        {
            Description = because ?? usual.Message,
            Headers = status is 429 or 503 ? ResponseHeaders.WithRetryAfter(document) : ResponseHeaders.OfEveryAnswer(document),
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["application/json"] = new OpenApiMediaType
                {
                    Schema = new OpenApiSchemaReference(nameof(ErrorEnvelope), document),
                    Examples = Examples(status, because ?? usual.Message).ToDictionary(e => e.Code, e => (IOpenApiExample)new OpenApiExample
                    {
                        Value = JsonSerializer.SerializeToNode(e, Json.Options),
                    }),
                },
            },
        };
    }

    private static IEnumerable<ErrorEnvelope> Examples(int status, string message)
    {
        const string request = "019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70";
        var code = ErrorEnvelope.Usual(status).Code;
        if (status != 429)
        {
            object? details = status == 400 ? new JsonObject { ["name_of_the_field"] = new JsonArray("What is wrong with it") } : null;
            yield return new ErrorEnvelope(code, message, request, details);
            yield break;
        }

        yield return new ErrorEnvelope(code, "Too many requests; try again later", request, new LimitDetails("requests", 600, 600, 60));
        yield return new ErrorEnvelope("quota_exceeded", "The plan's quota is reached", request, new LimitDetails("quota", 10, 10, 0));
    }
}
