using EasySmart.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace EasySmart.ServiceDefaults.OpenApi;

/// <summary>What an operation needs of its caller, and every error that follows from that and from its shape.</summary>
internal sealed class OperationErrors : IOpenApiOperationTransformer
{
    public Task TransformAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var document = context.Document!;
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        var open = metadata.Any(m => m is IAllowAnonymous or AnonymousCallerAllowed);
        var permissions = metadata.OfType<PermissionNeeded>().Select(needed => needed.Permission).Distinct().ToList();
        if (!open)
        {
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(ApiDocument.Bearer, document)] = permissions }];
        }

        var told = metadata.OfType<IProducesResponseTypeMetadata>().Where(m => m.StatusCode >= 400)
            .GroupBy(m => m.StatusCode).ToDictionary(g => g.Key, g => g.Select(m => m.Description).LastOrDefault(because => because is not null));
        operation.Responses ??= [];
        foreach (var status in told.Keys.Concat(FromShape(operation, open, permissions.Count > 0)).Distinct())
        {
            operation.Responses[$"{status}"] = ErrorResponses.For(status, told.GetValueOrDefault(status), document);
        }

        var paged = operation.Parameters?.Any(p => p is { Name: "cursor", In: ParameterLocation.Query }) is true;
        foreach (var response in operation.Responses.Values.OfType<OpenApiResponse>().Where(r => r.Headers is null))
        {
            response.Headers = paged && response.Content?.ContainsKey("application/json") is true ? ResponseHeaders.OfPage(document) : ResponseHeaders.OfEveryAnswer(document);
        }

        var sorted = operation.Responses.OrderBy(r => r.Key, StringComparer.Ordinal).ToList();
        operation.Responses.Clear();
        sorted.ForEach(r => operation.Responses.Add(r.Key, r.Value));
        return Task.CompletedTask;
    }

    private static IEnumerable<int> FromShape(OpenApiOperation operation, bool open, bool needsPermission)
    {
        var parameters = operation.Parameters ?? [];
        if (operation.RequestBody is not null || parameters.Count > 0)
        {
            yield return 400;
        }

        if (!open)
        {
            yield return 401;
        }

        if (needsPermission)
        {
            yield return 403;
        }

        if (parameters.Any(p => p.In == ParameterLocation.Path))
        {
            yield return 404;
        }

        if (operation.RequestBody is not null)
        {
            yield return 413;
            yield return 415;
        }

        foreach (var everywhere in new[] { 429, 500, 503, 504 })
        {
            yield return everywhere;
        }
    }
}
