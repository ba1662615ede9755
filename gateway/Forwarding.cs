using System.ComponentModel.DataAnnotations;
using System.Diagnostics;
using System.Net;
using System.Text;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Forwarder;

namespace EasySmart.Gateway;

/// <summary>Section <c>Forwarding</c>.</summary>
internal sealed record ForwardingOptions
{
    /// <summary>Seconds that a service may keep silent, before its answer or within it.</summary>
    [Range(1, 600, ErrorMessage = "Forwarding:TimeoutSeconds is from 1 to 600")]
    public int TimeoutSeconds { get; init; } = 30;

    /// <summary>
    /// Seconds from a request's headers to the beginning of its answer, however busily its body trickles in. An answer that has begun may
    /// take its time.
    /// </summary>
    [Range(1, 3600, ErrorMessage = "Forwarding:AnswerSeconds is from 1 to 3600")]
    public int AnswerSeconds { get; init; } = 120;
}

/// <summary>A route's own limit for bodies, as the framework reads it from an endpoint.</summary>
internal sealed record BodyLimit(long? MaxRequestBodySize) : IRequestSizeLimitMetadata;

/// <summary>Makes the route table answer: one endpoint for each line, which forwards with YARP.</summary>
internal static class Forwarding
{
    // TRACE above all is not forwarded: whoever echoed it would show the client its internal identity.
    private static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

    internal static void MapRoutes(this IEndpointRouteBuilder app, params Route[] table)
    {
        var services = app.ServiceProvider.GetRequiredService<Services>();
        var internalIdentity = app.ServiceProvider.GetRequiredService<InternalIdentity>();
        var clock = app.ServiceProvider.GetRequiredService<TimeProvider>();
        var send = Sender(app.ServiceProvider, clock);
        var anonymous = Principal.Anonymous();
        foreach (var route in table)
        {
            var address = services.AddressOf(route.Service);
            var transform = new ServiceTransform(route.Service, route.OpenTo is null ? null : anonymous, internalIdentity, clock);
            RequestDelegate forward = context => send(context, address, transform);
            var pattern = Routes.Prefix + route.Path;
            if (route.OpenTo is not { } method)
            {
                Marked(app.MapMethods(pattern, Methods, forward), route).RequireAuthorization();
                continue;
            }

            Marked(app.MapMethods(pattern, [method], forward), route).AllowAnonymous();
            // Or the other methods would fall to the {**rest} beside it and be asked for a token.
            app.Map(pattern, context => WrongMethodAsync(context, method)).AllowAnonymous();
        }
    }

    private static IEndpointConventionBuilder Marked(IEndpointConventionBuilder endpoint, Route route)
    {
        object?[] marks =
        [
            route.MaxBodyBytes is { } bytes ? new BodyLimit(bytes) : null,
            route.IsForFirmware ? new ReadByFirmware() : null,
            route.TakesTicket ? new TakesTicket() : null,
        ];
        return endpoint.WithMetadata([.. marks.OfType<object>()]);
    }

    private static Func<HttpContext, string, HttpTransformer, Task> Sender(IServiceProvider services, TimeProvider clock)
    {
        var forwarder = services.GetRequiredService<IHttpForwarder>();
        var streams = services.GetRequiredService<OpenStreams>();
        var options = services.GetRequiredService<IOptions<ForwardingOptions>>().Value;
        var longest = TimeSpan.FromSeconds(options.AnswerSeconds);
        var config = new ForwarderRequestConfig { ActivityTimeout = TimeSpan.FromSeconds(options.TimeoutSeconds), Version = HttpVersion.Version11 };
        // As YARP recommends: nothing of a browser's habits, and the gateway's span as parent instead of the client's.
        var client = new HttpMessageInvoker(new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = new ReverseProxyPropagator(DistributedContextPropagator.Current),
            ConnectTimeout = TimeSpan.FromSeconds(5),
            // As Kestrel reads headers here and in the services; the default would fail on a User-Agent that is not ASCII.
            RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8,
        });
        services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopped.Register(client.Dispose);
        return async (context, address, transform) =>
        {
            // Said before the service is bothered. A body without a length is counted by the server while it is forwarded.
            if (context.Request.ContentLength > context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize)
            {
                await ErrorEnvelope.WriteAsync(context, StatusCodes.Status413PayloadTooLarge);
                return;
            }

            var overdue = new CancellationTokenSource(longest, clock);
            // Not with `using`: an answer without a body starts when this method is long over.
            context.Response.RegisterForDispose(overdue);
            context.Response.OnStarting(() =>
            {
                if (!streams.Keep(context, overdue))
                {
                    overdue.CancelAfter(Timeout.InfiniteTimeSpan);
                }

                return Task.CompletedTask;
            });
            var error = await forwarder.SendAsync(context, address, client, config, transform, overdue.Token);
            if (error != ForwarderError.None)
            {
                await AnswerAsync(context, overdue.IsCancellationRequested ? StatusOf(error) : context.Response.StatusCode);
            }
        };
    }

    // Whom the time ran out on: the client, when its body was still on its way.
    private static int StatusOf(ForwarderError overdue) => overdue is ForwarderError.RequestBodyCanceled or ForwarderError.RequestBodyClient
        ? StatusCodes.Status408RequestTimeout
        : StatusCodes.Status504GatewayTimeout;

    // The statuses are YARP's. The contract knows no 502 (all of them mean that the service cannot be talked to) and no 408.
    private static Task AnswerAsync(HttpContext context, int status) => status switch
    {
        StatusCodes.Status502BadGateway => ErrorEnvelope.WriteAsync(context, StatusCodes.Status503ServiceUnavailable),
        StatusCodes.Status408RequestTimeout =>
            ErrorEnvelope.WriteAsync(context, StatusCodes.Status400BadRequest, "The body did not arrive in time"),
        >= 400 => ErrorEnvelope.WriteAsync(context, status),
        _ => Task.CompletedTask,
    };

    private static Task WrongMethodAsync(HttpContext context, string allowed)
    {
        context.Response.Headers.Allow = allowed;
        return ErrorEnvelope.WriteAsync(context, StatusCodes.Status405MethodNotAllowed);
    }
}
