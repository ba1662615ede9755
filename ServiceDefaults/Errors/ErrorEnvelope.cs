using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace EasySmart.ServiceDefaults.Errors;

/// <summary>The one shape of every error, from whatever layer.</summary>
/// <param name="Code">The kind of error, for programs. <example>not_found</example></param>
/// <param name="Message">What is wrong, for a person. <example>Device not found or inactive</example></param>
/// <param name="RequestId">The request's <c>X-Request-ID</c>. <example>019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70</example></param>
/// <param name="Details">Machine-readable detail, such as what is wrong with which field; absent when there is none.</param>
public sealed record ErrorEnvelope(
    string Code,
    string Message,
    string RequestId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] object? Details)
{
    /// <summary>Answers with the envelope, unless the answer has begun already or the client is gone.</summary>
    /// <param name="context">The request to answer.</param>
    /// <param name="status">HTTP status, 400 to 599.</param>
    /// <param name="message">What is wrong; null takes the status's usual words.</param>
    /// <param name="details">Machine-readable detail.</param>
    /// <param name="code">The contract's code; null takes the status's usual one.</param>
    public static async Task WriteAsync(HttpContext context, int status, string? message = null, object? details = null, string? code = null)
    {
        if (context.Response.HasStarted || context.RequestAborted.IsCancellationRequested)
        {
            return;
        }

        context.Response.StatusCode = status;
        if (status == StatusCodes.Status503ServiceUnavailable && context.Response.Headers.RetryAfter.Count == 0)
        {
            context.Response.Headers.RetryAfter = "5";
        }

        var usual = Usual(status);
        var envelope = new ErrorEnvelope(code ?? usual.Code, message ?? usual.Message, context.TraceIdentifier, details);
        // With its length, not chunked: firmware reads some of these, and cannot put chunks together.
        var body = JsonSerializer.SerializeToUtf8Bytes(envelope, Json.Options);
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    internal static (string Code, string Message) Usual(int status) => status switch
    {
        400 => ("bad_request", "The request is not valid"),
        401 => ("unauthorized", "A valid access token or API key is needed"),
        403 => ("forbidden", "You are not allowed to do this"),
        404 => ("not_found", "There is nothing here"),
        405 => ("method_not_allowed", "This route does not take this method; see the Allow header"),
        409 => ("conflict", "This conflicts with what is there already"),
        413 => ("payload_too_large", "The body is larger than this route takes"),
        415 => ("unsupported_media_type", "This route does not take a body of this media type"),
        429 => ("rate_limited", "Too many requests; see the Retry-After header"),
        503 => ("service_unavailable", "Not available right now; try again shortly"),
        504 => ("gateway_timeout", "The service behind this route did not answer in time"),
        >= 500 => ("internal_error", "Something went wrong on our side; the request id names it"),
        _ => ("bad_request", ReasonPhrases.GetReasonPhrase(status)),
    };
}
