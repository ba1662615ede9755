using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EasySmart.Gateway.Tests;

/// <summary>
/// The five services behind the gateway, one Kestrel port each. They answer what they were sent, or as the header <c>X-Behave</c> says.
/// </summary>
public sealed class FakeServices : IAsyncDisposable
{
    private static readonly string[] Names =
        [Services.Identity, Services.DeviceProvisioning, Services.Ingestion, Services.TelemetryQuery, Services.BillingQuota];

    /// <summary>How much of a body is a beginning: enough that no buffer keeps it from the service.</summary>
    public const int BeginningBytes = 90_000;

    private readonly WebApplication _app;
    private readonly Dictionary<int, string> _nameOfPort = [];
    private readonly ConcurrentDictionary<string, Channel<string>> _events = new();
    private int _keyReads;

    private FakeServices(WebApplication app) => _app = app;

    /// <summary>Signs access tokens; what it publishes is Identity's JWKS.</summary>
    public TokenIssuer Issuer { get; } = new();

    /// <summary>The API keys that Identity knows.</summary>
    public FakeKeys Keys { get; } = new();

    /// <summary>The stream tickets that Identity gave out.</summary>
    public FakeTickets Tickets { get; } = new();

    /// <summary>Whether Identity gives its keys out.</summary>
    public bool IdentityAnswers { get; set; } = true;

    /// <summary>How often Identity was asked for its keys.</summary>
    public int KeyReads => _keyReads;

    /// <summary>A request with <c>X-Behave: hang</c> has come.</summary>
    public TaskCompletionSource Hanging { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>A request with <c>X-Behave: read</c> has come, and the beginning of its body.</summary>
    public TaskCompletionSource Reading { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The gateway has given up such a request.</summary>
    public TaskCompletionSource GivenUp { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What is sent on the stream that a request with <c>X-Behave: stream</c> and this name as <c>X-Stream</c> opens.</summary>
    public Channel<string> EventsOf(string name) => _events.GetOrAdd(name, _ => Channel.CreateUnbounded<string>());

    /// <summary>The settings that point the gateway here.</summary>
    public Dictionary<string, string?> Settings =>
        _nameOfPort.ToDictionary(p => $"services:{p.Value}:http:0", p => (string?)$"http://127.0.0.1:{p.Key}");

    public static async Task<FakeServices> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            // How much is too much is the gateway's to say.
            kestrel.Limits.MaxRequestBodySize = null;
            foreach (var _ in Names)
            {
                kestrel.Listen(IPAddress.Loopback, 0);
            }
        });
        var app = builder.Build();
        var services = new FakeServices(app);
        app.Run(services.AnswerAsync);
        await app.StartAsync();
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        foreach (var (name, address) in Names.Zip(addresses))
        {
            services._nameOfPort[new Uri(address).Port] = name;
        }

        return services;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>What Identity has taken back, newest last: version n is the n-th.</summary>
    public ConcurrentQueue<Guid> Revoked { get; } = new();

    private Task AnswerAsync(HttpContext context) => context.Request.Path.Value switch
    {
        "/.well-known/jwks.json" => KeysAsync(context),
        "/internal/revocations" => RevocationsAsync(context),
        "/internal/api-keys/verify" => VerifyAsync(context, Keys.AnswerAsync),
        "/internal/stream-tickets/redeem" => VerifyAsync(context, Tickets.AnswerAsync),
        _ => BehaveAsync(context, context.Request.Headers["X-Behave"].ToString()),
    };

    private Task VerifyAsync(HttpContext context, Func<HttpContext, Task> answer)
    {
        if (IdentityAnswers && context.Request.Headers["X-EasySmart-Service-Key"] == GatewayHost.ServiceKey)
        {
            return answer(context);
        }

        context.Abort();
        return Task.CompletedTask;
    }

    private Task RevocationsAsync(HttpContext context)
    {
        if (!IdentityAnswers || context.Request.Headers["X-EasySmart-Service-Key"] != GatewayHost.ServiceKey)
        {
            context.Abort();
            return Task.CompletedTask;
        }

        var after = int.Parse(context.Request.Query["after"]!, System.Globalization.CultureInfo.InvariantCulture);
        var revoked = Revoked.ToArray();
        return context.Response.WriteAsJsonAsync(new
        {
            version = revoked.Length,
            revocations = revoked.Select((id, i) => new { version = i + 1, subject_id = id, at = DateTimeOffset.UtcNow }).Skip(after),
        });
    }

    private Task KeysAsync(HttpContext context)
    {
        Interlocked.Increment(ref _keyReads);
        if (!IdentityAnswers)
        {
            context.Abort();
            return Task.CompletedTask;
        }

        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(Issuer.Jwks());
    }

    private async Task BehaveAsync(HttpContext context, string behaviour)
    {
        var response = context.Response;
        switch (behaviour)
        {
            case "":
                await EchoAsync(context);
                break;
            case "hang":
                using (context.RequestAborted.Register(() => GivenUp.TrySetResult()))
                {
                    Hanging.TrySetResult();
                    await GivenUp.Task;
                }

                break;
            case "break":
                context.Abort();
                break;
            case "html":
                response.StatusCode = 500;
                response.ContentType = "text/html";
                await response.WriteAsync("<h1>NullReferenceException at db.internal</h1>");
                break;
            case "conflict":
                response.StatusCode = 409;
                var id = context.Request.Headers["X-Request-ID"].ToString();
                await response.WriteAsJsonAsync(new { code = "conflict", message = "device_label already exists", request_id = id });
                break;
            case "secret":
                response.ContentType = "application/json";
                response.ContentLength = FirmwareTests.LongestSecret.Length;
                await response.WriteAsync(FirmwareTests.LongestSecret);
                break;
            case "large":
                await LargeAsync(response);
                break;
            case "stream":
                await StreamAsync(context);
                break;
            case "read":
                // All that comes before the wait, so that the gateway waits for the client by then and is not in the middle of forwarding.
                await context.Request.Body.ReadAtLeastAsync(new byte[BeginningBytes], BeginningBytes, throwOnEndOfStream: false);
                Reading.TrySetResult();
                await context.Request.Body.CopyToAsync(Stream.Null);
                break;
            default:
                response.Headers.Allow = "POST";
                response.Headers.RetryAfter = "7";
                response.StatusCode = int.Parse(behaviour, System.Globalization.CultureInfo.InvariantCulture);
                break;
        }
    }

    private async Task EchoAsync(HttpContext context)
    {
        using var body = new StreamReader(context.Request.Body);
        context.Response.Headers["X-Request-ID"] = "of the service";
        await context.Response.WriteAsJsonAsync(new Echo(
            _nameOfPort[context.Connection.LocalPort],
            context.Request.Method,
            context.Features.Get<IHttpRequestFeature>()!.RawTarget,
            context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToArray()),
            await body.ReadToEndAsync()));
    }

    private async Task StreamAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        await context.Response.Body.FlushAsync();
        try
        {
            await foreach (var text in EventsOf(context.Request.Headers["X-Stream"].ToString()).Reader.ReadAllAsync(context.RequestAborted))
            {
                await context.Response.WriteAsync($"data: {text}\n\n", context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
            }
        }
        catch (OperationCanceledException)
        {
            // Nobody listens any more.
        }
    }

    private static async Task LargeAsync(HttpResponse response)
    {
        var block = new byte[1 << 20];
        for (var i = 0; i < 64; i++)
        {
            await response.Body.WriteAsync(block);
        }
    }
}
