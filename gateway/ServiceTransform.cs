using System.Net;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Forwarder;

namespace EasySmart.Gateway;

/// <summary>
/// What a request to one service carries: no credential and nothing that a client says about who it is or where it comes from, but the
/// signed internal identity. And what comes back: every error in the envelope.
/// </summary>
internal sealed class ServiceTransform(string service, Principal? everybody, InternalIdentity internalIdentity, TimeProvider clock)
    : HttpTransformer
{
    public override async ValueTask TransformRequestAsync(
        HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
        httpContext.Request.Path.StartsWithSegments(Routes.Prefix, out var path);
        proxyRequest.RequestUri = RequestUtilities.MakeDestinationAddress(destinationPrefix, path, QueryOf(httpContext));

        var headers = proxyRequest.Headers;
        headers.Host = null;
        headers.Remove(HeaderNames.Authorization);
        List<string>? claimed = null;
        foreach (var header in headers.NonValidated)
        {
            if (IsForGatewaysOnly(header.Key))
            {
                (claimed ??= []).Add(header.Key);
            }
        }

        claimed?.ForEach(name => headers.Remove(name));
        var principal = everybody ?? (Principal)httpContext.User;
        headers.TryAddWithoutValidation(InternalIdentity.Header, principal.For(service, internalIdentity, clock.GetUtcNow()));
        headers.TryAddWithoutValidation(InternalIdentity.ClientIpHeader, ClientAddress.Of(httpContext));
    }

    public override async ValueTask<bool> TransformResponseAsync(
        HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse is null || !IsForeignError(proxyResponse))
        {
            var copied = await base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
            if (OpenStreams.IsStream(httpContext.Response))
            {
                // Or the headers would wait for the first event, and with them the client, which then shows no connection.
                await httpContext.Response.Body.FlushAsync(cancellationToken);
            }

            return copied;
        }

        // Some other server's page, or nothing at all: only what a client can act on is kept.
        if (proxyResponse.Content.Headers.Allow is { Count: > 0 } allow)
        {
            httpContext.Response.Headers.Allow = string.Join(", ", allow);
        }

        if (proxyResponse.Headers.RetryAfter is { } retryAfter)
        {
            httpContext.Response.Headers.RetryAfter = retryAfter.ToString();
        }

        await ErrorEnvelope.WriteAsync(httpContext, proxyResponse.StatusCode switch
        {
            HttpStatusCode.BadGateway => StatusCodes.Status503ServiceUnavailable,
            var status => (int)status,
        });
        return false;
    }

    private static QueryString QueryOf(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<TakesTicket>() is null
        ? context.Request.QueryString
        : StreamTickets.Without(context.Request.QueryString);

    private static bool IsForGatewaysOnly(string header) =>
        header.StartsWith("X-EasySmart-", StringComparison.OrdinalIgnoreCase)
        || header.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase)
        || header.StartsWith("X-Original-", StringComparison.OrdinalIgnoreCase)
        || header.Equals("Forwarded", StringComparison.OrdinalIgnoreCase)
        || header.Equals("X-Real-IP", StringComparison.OrdinalIgnoreCase);

    // Our services' errors are JSON and nobody else's are: they all come from ErrorEnvelope.
    private static bool IsForeignError(HttpResponseMessage response) =>
        (int)response.StatusCode >= 400
        && (response.Content.Headers.ContentType?.MediaType != "application/json"
            || response.Content.Headers.ContentLength == 0
            || response.StatusCode == HttpStatusCode.BadGateway);
}
