using System.Reflection;
using System.Text.Json;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.Metadata;

namespace EasySmart.BillingQuota.Plans;

/// <summary>
/// The body of a PATCH, in which an absent field and one that is null say different things. Everything that is wrong with it is told at once.
/// </summary>
/// <typeparam name="TFields">The fields, for the API document.</typeparam>
internal sealed class MergePatch<TFields> : IEndpointParameterMetadataProvider
{
    private readonly JsonElement _body;

    private MergePatch(JsonElement body) => _body = body;

    /// <summary>Tells the API document, and the framework, which body there is.</summary>
    static void IEndpointParameterMetadataProvider.PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder) =>
        builder.Metadata.Add(new AcceptsMetadata(["application/json"], typeof(TFields)));

    /// <summary>Lets minimal APIs hand a patch to a handler.</summary>
    /// <exception cref="BadHttpRequestException">400: the body is not JSON.</exception>
    public static async ValueTask<MergePatch<TFields>> BindAsync(HttpContext context, ParameterInfo parameter)
    {
        if (!context.Request.HasJsonContentType())
        {
            throw new BadHttpRequestException("The body is JSON", StatusCodes.Status415UnsupportedMediaType);
        }

        try
        {
            var body = await context.Request.ReadFromJsonAsync<JsonElement>(Json.Options, context.RequestAborted);
            // Half a surrogate pair passes until somebody looks at the text: written out, each is looked at.
            JsonSerializer.SerializeToUtf8Bytes(body);
            return new(body);
        }
        catch (JsonException malformed)
        {
            throw new BadHttpRequestException("The body is not JSON", malformed);
        }
    }

    /// <summary>The answer to a patch that names a field that there is not, or gives one a value that it cannot have; null when all is well.</summary>
    /// <param name="fields">The fields that there are, and what is wrong with a value; null when nothing is.</param>
    public ProblemResult? Check(IReadOnlyDictionary<string, Func<JsonElement, string?>> fields)
    {
        if (_body.ValueKind != JsonValueKind.Object)
        {
            return Problem.BadRequest("The body must be a JSON object");
        }

        var errors = new Dictionary<string, string[]>();
        foreach (var field in _body.EnumerateObject())
        {
            var error = fields.TryGetValue(field.Name, out var check) ? check(field.Value) : "Is not a field that can be changed";
            if (error is not null)
            {
                errors[field.Name] = [error];
            }
        }

        return errors.Count == 0 ? null : new ProblemResult(400, "The input is not valid", errors);
    }

    /// <summary>The field's text.</summary>
    public string Text(string field, string unchanged) => _body.TryGetProperty(field, out var value) ? value.GetString()! : unchanged;

    /// <summary>The field's number; null when it is taken back.</summary>
    public int? Number(string field, int? unchanged) =>
        !_body.TryGetProperty(field, out var value) ? unchanged : value.ValueKind == JsonValueKind.Null ? null : value.GetInt32();

    /// <summary>The field's number, where it cannot be taken back.</summary>
    public int Number(string field, int unchanged) => Number(field, (int?)unchanged)!.Value;

    /// <summary>The field's flag; null when it is taken back.</summary>
    public bool? Flag(string field, bool? unchanged) =>
        !_body.TryGetProperty(field, out var value) ? unchanged : value.ValueKind == JsonValueKind.Null ? null : value.GetBoolean();

    /// <summary>The field's flag, where it cannot be taken back.</summary>
    public bool Flag(string field, bool unchanged) => Flag(field, (bool?)unchanged)!.Value;
}
