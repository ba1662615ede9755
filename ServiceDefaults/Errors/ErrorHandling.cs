using System.Text.Json;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EasySmart.ServiceDefaults.Errors;

/// <summary>Sends every error of the framework (exceptions, empty status answers, failed validation) through <see cref="ErrorEnvelope"/>.</summary>
internal sealed class ErrorHandling : IProblemDetailsService
{
    internal static void Add(IServiceCollection services)
    {
        services.AddSingleton<IProblemDetailsService, ErrorHandling>();
        // Otherwise a body that cannot be read would become a 400 without a reason outside Development.
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.Configure<ExceptionHandlerOptions>(options =>
        {
            options.StatusCodeSelector = StatusOf;
            options.SuppressDiagnosticsCallback = context => StatusOf(context.Exception) < 500;
        });
    }

    internal static void Use(IApplicationBuilder app)
    {
        app.UseExceptionHandler();
        app.UseStatusCodePages(context => ErrorEnvelope.WriteAsync(context.HttpContext, context.HttpContext.Response.StatusCode));
    }

    public ValueTask WriteAsync(ProblemDetailsContext context)
    {
        var status = context.ProblemDetails.Status ?? context.HttpContext.Response.StatusCode;
        var (message, details) = (context.Exception, context.ProblemDetails) switch
        {
            (BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout }, _) => ("The body did not arrive in time", null),
            (BadHttpRequestException { StatusCode: 400 } bad, _) => Malformed(bad),
            ({ } fault, _) when IsUnstorableText(fault) => ("A text has a character (U+0000) that cannot be stored or searched for", null),
            (_, HttpValidationProblemDetails invalid) => ("The input is not valid", FieldErrors(invalid.Errors)),
            _ => (null, null),
        };
        return new ValueTask(ErrorEnvelope.WriteAsync(context.HttpContext, status, message, details));
    }

    // The interface's own asks whether the answer has begun, and an answer that is held back until it is committed has not.
    public async ValueTask<bool> TryWriteAsync(ProblemDetailsContext context)
    {
        await WriteAsync(context);
        return true;
    }

    private static int StatusOf(Exception exception) => exception switch
    {
        // The contract knows no 408.
        BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } => StatusCodes.Status400BadRequest,
        BadHttpRequestException bad => bad.StatusCode,
        _ when IsUnstorableText(exception) => StatusCodes.Status400BadRequest,
        _ when IsUnreadableMedia(exception) => StatusCodes.Status415UnsupportedMediaType,
        _ when Transient.Is(exception) => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status500InternalServerError,
    };

    // PostgreSQL has no U+0000. Only a client's text can hold one, in any field of any route; that no route has to think of it, it is told here.
    private static bool IsUnstorableText(Exception fault) =>
        (fault as PostgresException ?? fault.InnerException as PostgresException)?.SqlState == PostgresErrorCodes.CharacterNotInRepertoire;

    // A charset that there is not: to the framework, which finds it when it reads the JSON, that is a bug of whoever asked it to.
    private static bool IsUnreadableMedia(Exception fault) =>
        fault is InvalidOperationException && fault.Message.StartsWith("Unable to read the request as JSON because the request content type", StringComparison.Ordinal);

    // The framework's message can name our types; a JSON reader's path and a parameter's name are all that a client needs.
    private static (string Message, object? Details) Malformed(BadHttpRequestException bad) => bad.InnerException switch
    {
        JsonException { Path: { Length: > 2 } path } =>
            ("A field of the body has the wrong type or value", FieldErrors(new Dictionary<string, string[]> { [path[2..]] = ["Wrong type or value"] })),
        InvalidTenantException tenant => (tenant.Message, FieldErrors(new Dictionary<string, string[]> { ["tenant_id"] = [tenant.Message] })),
        JsonException => ("The body is not valid JSON for this route", null),
        _ when bad.Message.StartsWith("Required parameter", StringComparison.Ordinal)
            || bad.Message.StartsWith("Failed to bind", StringComparison.Ordinal) => Parameter(bad.Message),
        _ => ("The request is not valid", null),
    };

    // "Required parameter "Guid tenantId" was not provided from query string."
    private static (string Message, object? Details) Parameter(string message)
    {
        var declaration = message.Split('"') is { Length: > 1 } parts ? parts[1] : "body";
        var name = Json.Naming.ConvertName(declaration.Split(' ')[^1]);
        return ("The request is not valid", new Dictionary<string, string[]> { [name] = ["Missing or malformed"] });
    }

    private static Dictionary<string, string[]> FieldErrors(IDictionary<string, string[]> errors) =>
        errors.ToDictionary(e => string.Join('.', e.Key.Split('.').Select(Json.Naming.ConvertName)), e => e.Value);
}
