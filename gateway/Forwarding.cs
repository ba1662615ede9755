using System.ComponentModel.DataAnnotations;
using System.Diagnostics;
using System.Net;
using System.Text;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Forwarder;

namespace EasySmart.Gateway;

/// <summary>Section <c>Forwarding</c>.</summary>
internal sealed record ForwardingOptions
{
    /// <summary>Seconds that a service may keep silent, before its answer or within it.</summary>
    [Range(1, 600, ErrorMessage = "Forwarding:TimeoutSeconds is from 1 to 600")]
    public int TimeoutSeconds { get; init; } = 30;
}

/// <summary>Makes the route table answer: one endpoint for each line, which forwards with YARP.</summary>
internal static class Forwarding
{
    // TRACE above all is not forwarded: whoever echoed it would show the client its internal identity.
    private static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

    internal static void MapRoutes(this WebApplication app)
    {
        var services = app.Services.GetRequiredService<Services>();
        var internalIdentity = app.Services.GetRequiredService<InternalIdentity>();
        var clock = app.Services.GetRequiredService<TimeProvider>();
        var send = Sender(app);
        var anonymous = Principal.Anonymous();
        foreach (var route in Routes.All)
        {
            var address = services.AddressOf(route.Service);
            var transform = new ServiceTransform(route.Service, route.OpenTo is null ? null : anonymous, internalIdentity, clock);
            RequestDelegate forward = context => send(context, address, transform);
            var pattern = Routes.Prefix + route.Path;
            if (route.OpenTo is not { } method)
            {
                app.MapMethods(pattern, Methods, forward).RequireAuthorization();
                continue;
            }

            var open = app.MapMethods(pattern, [method], forward).AllowAnonymous();
            if (route.Limit is { } limit)
            {
                open.RequireRateLimiting(limit);
            }

            // Or the other methods would fall to the {**rest} beside it and be asked for a token.
            app.Map(pattern, context => WrongMethodAsync(context, method)).AllowAnonymous();
        }
    }

    private static Func<HttpContext, string, HttpTransformer, Task> Sender(WebApplication app)
    {
        var forwarder = app.Services.GetRequiredService<IHttpForwarder>();
        var options = app.Services.GetRequiredService<IOptions<ForwardingOptions>>().Value;
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
        app.Lifetime.ApplicationStopped.Register(client.Dispose);
        return async (context, address, transform) =>
        {
            // Said before the service is bothered. A body without a length is counted by the server while it is forwarded.
            if (context.Request.ContentLength > context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize)
            {
                await ErrorEnvelope.WriteAsync(context, StatusCodes.Status413PayloadTooLarge);
                return;
            }

            if (await forwarder.SendAsync(context, address, client, config, transform) != ForwarderError.None)
            {
                await AnswerAsync(context);
            }
        };
    }

    // YARP has set a status. The contract knows no 502 (all of them mean that the service cannot be talked to) and no 408.
    private static Task AnswerAsync(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status502BadGateway => ErrorEnvelope.WriteAsync(context, StatusCodes.Status503ServiceUnavailable),
        StatusCodes.Status408RequestTimeout =>
            ErrorEnvelope.WriteAsync(context, StatusCodes.Status400BadRequest, "The body did not arrive in time"),
        var status and >= 400 => ErrorEnvelope.WriteAsync(context, status),
        _ => Task.CompletedTask,
    };

    private static Task WrongMethodAsync(HttpContext context, string allowed)
    {
        context.Response.Headers.Allow = allowed;
        return ErrorEnvelope.WriteAsync(context, StatusCodes.Status405MethodNotAllowed);
    }
}
