using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace EasySmart.ServiceDefaults.OpenApi;

/// <summary>Describes types and their fields with their XML comments and examples, and says of them what our JSON rules make of them.</summary>
internal sealed class SchemaDescriptions : IOpenApiSchemaTransformer
{
    private static readonly Dictionary<string, string> UsualExamples = new()
    {
        ["uuid"] = "019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70",
        ["date-time"] = "2026-02-15T00:00:00Z",
        ["email"] = "ana@example.com",
    };

    public Task TransformAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        Spell(schema, context.JsonTypeInfo.Type);
        if (context.JsonPropertyInfo is { } property)
        {
            Describe(schema, property);
        }
        else
        {
            schema.Description ??= XmlComments.Of(context.JsonTypeInfo.Type).Text;
        }

        if (schema.Examples is null && schema.Format is { } format && UsualExamples.TryGetValue(format, out var usual))
        {
            schema.Examples = [usual];
        }

        // What an answer leaves out when it is null is not always there.
        foreach (var absent in context.JsonTypeInfo.Properties.Where(IsLeftOutWhenNull))
        {
            schema.Required?.Remove(absent.Name);
        }

        return Task.CompletedTask;
    }

    // Times and enums have converters of ours, behind which the framework cannot see that they are text.
    private static void Spell(OpenApiSchema schema, Type type)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        if (plain != typeof(DateTimeOffset) && !plain.IsEnum)
        {
            return;
        }

        schema.Type = plain == type ? JsonSchemaType.String : JsonSchemaType.String | JsonSchemaType.Null;
        if (plain == typeof(DateTimeOffset))
        {
            schema.Format = "date-time";
        }
    }

    private static void Describe(OpenApiSchema schema, JsonPropertyInfo property)
    {
        var comment = property.AttributeProvider is PropertyInfo info ? XmlComments.Of(info) : default;
        var example = comment.ExampleFor(schema.Type);
        // A schema that the document keeps once, and refers to, gets the field's words beside the reference.
        if (schema.Metadata?.TryGetValue("x-schema-id", out var id) is true && id is string { Length: > 0 })
        {
            if (comment.Text is not null)
            {
                schema.Metadata["x-ref-description"] = comment.Text;
            }

            return;
        }

        schema.Description = comment.Text ?? schema.Description;
        schema.Examples = example is null ? schema.Examples : [example];
    }

    private static bool IsLeftOutWhenNull(JsonPropertyInfo property) => property.AttributeProvider?
        .GetCustomAttributes(typeof(JsonIgnoreAttribute), inherit: true)
        .OfType<JsonIgnoreAttribute>().Any(ignore => ignore.Condition == JsonIgnoreCondition.WhenWritingNull) is true;
}
