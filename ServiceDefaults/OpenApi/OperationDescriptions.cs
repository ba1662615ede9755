using System.Reflection;
using System.Text.RegularExpressions;
using EasySmart.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.Mvc.Controllers;
using Microsoft.AspNetCore.Mvc.Infrastructure;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace EasySmart.ServiceDefaults.OpenApi;

/// <summary>
/// Names an operation for its slice (<c>ListDevices</c>: "List devices") and describes it with the slice's XML comment, less the route
/// that such a comment begins with.
/// </summary>
internal sealed partial class OperationDescriptions : IOpenApiOperationTransformer
{
    public Task TransformAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        if (metadata.OfType<MethodInfo>().FirstOrDefault() is { DeclaringType: { } slice } handler && !handler.Name.StartsWith('<'))
        {
            operation.OperationId ??= handler.Name is "HandleAsync" or "Handle" ? slice.Name : handler.Name.Replace("Async", "", StringComparison.Ordinal);
            operation.Description ??= XmlComments.Of(handler).Text ?? XmlComments.Of(slice).Text;
        }

        if (metadata.OfType<TenantNamed>().Any())
        {
            (operation.Parameters ??= []).Add(TenantParameter());
        }

        operation.Summary ??= operation.OperationId is { } id ? InWords(id) : null;
        operation.Description = Describe(operation.Description, [.. metadata.OfType<PermissionNeeded>().Select(needed => needed.Permission).Distinct()]);
        foreach (var parameter in context.Description.ParameterDescriptions)
        {
            Describe(operation.Parameters?.OfType<OpenApiParameter>().FirstOrDefault(p => p.Name == parameter.Name), parameter);
        }

        if (operation.RequestBody is OpenApiRequestBody body)
        {
            Tidy(body);
        }

        return Task.CompletedTask;
    }

    private static string? Describe(string? text, IReadOnlyList<string> permissions)
    {
        var said = text is null ? "" : Sentence(LeadingRoute().Replace(text, ""));
        var needed = permissions.Count == 0 ? "" : $"Needs {string.Join(" and ", permissions.Select(p => $"`{p}`"))}.";
        return said.Length + needed.Length == 0 ? null : string.Join("\n\n", new[] { said, needed }.Where(part => part.Length > 0));
    }

    private static void Describe(OpenApiParameter? parameter, ApiParameterDescription source)
    {
        if (parameter is null)
        {
            return;
        }

        var info = (source.ParameterDescriptor as IParameterInfoParameterDescriptor)?.ParameterInfo;
        var comment = info?.Member switch
        {
            PropertyInfo property => XmlComments.Of(property),
            MethodInfo method => XmlComments.Of(method, info.Name!),
            _ => default,
        };
        parameter.Description ??= comment.Text ?? parameter.Name switch
        {
            "limit" => "How many at most.",
            "cursor" => "Where the page begins: taken from the `Link` header of the page before.",
            { } name when name.EndsWith("_id", StringComparison.Ordinal) => $"The {name[..^3].Replace('_', ' ')}'s id.",
            _ => null,
        };
        if (parameter.Schema is OpenApiSchema schema && comment.ExampleFor(schema.Type) is { } example)
        {
            schema.Examples = [example];
        }
    }

    private static OpenApiParameter TenantParameter() => new()
    {
        Name = "tenant_id",
        In = ParameterLocation.Query,
        Description = "Only for a caller without a tenant of its own (a super-admin, a platform-wide key), which has to name one.",
        Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "uuid" },
    };

    // A route that also takes an empty body says so with a second media type and a null; the document says it with "not required".
    private static void Tidy(OpenApiRequestBody body)
    {
        if (body.Content?.TryGetValue("application/json", out var json) is not true)
        {
            return;
        }

        if (json is OpenApiMediaType { Schema.OneOf: [{ Type: JsonSchemaType.Null }, { } given] } optional)
        {
            optional.Schema = given;
        }

        body.Content = new Dictionary<string, OpenApiMediaType> { ["application/json"] = json! };
    }

    // ListDevices: "List devices".
    private static string InWords(string name) => Sentence(InnerCapital().Replace(name, match => " " + match.Value.ToLowerInvariant()));

    private static string Sentence(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..];

    [GeneratedRegex("^`[A-Z]+ /[^`]*`[:.]? *")]
    private static partial Regex LeadingRoute();

    [GeneratedRegex("(?<=[a-z])[A-Z]")]
    private static partial Regex InnerCapital();
}
