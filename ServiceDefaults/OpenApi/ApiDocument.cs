using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace EasySmart.ServiceDefaults.OpenApi;

/// <summary>
/// A service's own OpenAPI 3.1 document. It is derived from what the endpoints say of themselves (routes, types, permissions, XML
/// comments), so that no handler says anything twice. The gateway's build merges the documents of all services into the public one.
/// </summary>
public static class ApiDocument
{
    /// <summary>Name of the security scheme that operations refer to.</summary>
    internal const string Bearer = "bearer";

    /// <summary>
    /// Errors that this endpoint answers beside those that follow from its shape (a body: 400, 413, 415; a permission: 401, 403; an id in
    /// its path: 404; and 429, 500, 503, 504 everywhere).
    /// </summary>
    /// <param name="builder">The endpoint.</param>
    /// <param name="statuses">HTTP statuses, 400 to 599, which mean what they usually do.</param>
    public static TBuilder Fails<TBuilder>(this TBuilder builder, params int[] statuses) where TBuilder : IEndpointConventionBuilder
    {
        foreach (var status in statuses)
        {
            builder.Fails(status, null);
        }

        return builder;
    }

    /// <summary>The same for one status, and why.</summary>
    /// <param name="builder">The endpoint.</param>
    /// <param name="status">HTTP status, 400 to 599.</param>
    /// <param name="because">When that happens, for the reader of the document; null takes the status's usual words.</param>
    public static TBuilder Fails<TBuilder>(this TBuilder builder, int status, string? because) where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(new ProducesResponseTypeMetadata(status, typeof(ErrorEnvelope), ["application/json"]) { Description = because });

    internal static void Add(IServiceCollection services, string service) => services.AddOpenApi(options =>
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.AddSchemaTransformer<SchemaDescriptions>();
        options.AddOperationTransformer<OperationDescriptions>();
        options.AddOperationTransformer<OperationErrors>();
        options.AddDocumentTransformer((document, context, cancellation) => CompleteAsync(document, service, context, cancellation));
    });

    private static async Task CompleteAsync(
        OpenApiDocument document, string service, OpenApiDocumentTransformerContext context, CancellationToken cancellation)
    {
        document.Info.Title = service;
        // The address at which this instance happens to listen: clients come through the gateway, and know nothing of it.
        document.Servers = null;
        if (document.Paths.Count == 0)
        {
            return;
        }

        document.AddComponent(nameof(ErrorEnvelope), await context.GetOrCreateSchemaAsync(typeof(ErrorEnvelope), null, cancellation));
        document.AddComponent<IOpenApiSecurityScheme>(Bearer, new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = Bearer,
            Description = "An access token (a JWT, from `POST /auth/login`) or an API key.",
        });
        foreach (var (name, header) in ResponseHeaders.All())
        {
            document.AddComponent(name, header);
        }

        foreach (var error in ErrorResponses.All(document))
        {
            document.AddComponent<IOpenApiResponse>(error.Name, error.Response);
        }
    }
}
