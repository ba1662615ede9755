using System.Collections.Concurrent;
using System.Net.Mime;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EasySmart.Broker.Tests;

/// <summary>
/// Stands in for DeviceProvisioning. Unless a test says otherwise: user "free" may do anything, "service/…" what
/// services may, and any other user is a device of tenant t1 whose id is its user name.
/// </summary>
internal sealed class TestAuthenticator : IAsyncDisposable
{
    private static readonly string[] s_published = ["telemetry/#", "events/#", "status"];
    private static readonly string[] s_subscribed = ["commands/#", "events/errors", "telemetry/#"];

    private readonly WebApplication _app;

    private TestAuthenticator(WebApplication app) => _app = app;

    public ConcurrentQueue<(JsonElement Question, string? HookKey, string? ContentType)> Asked { get; } = [];

    public Func<string, HttpContext, Task>? Answer { get; set; }

    public string Url => _app.Urls.First() + "/internal/mqtt/authenticate";

    public static async Task<TestAuthenticator> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var authenticator = new TestAuthenticator(app);
        app.MapPost("/internal/mqtt/authenticate", authenticator.AnswerAsync);
        await app.StartAsync();
        return authenticator;
    }

    public static string Allow(params (string Permission, string Action, string Topic)[] rules) => JsonSerializer.Serialize(new
    {
        result = "allow",
        is_superuser = false,
        client_attrs = new { tenant_id = "t1", device_id = "d1" },
        acl = rules.Append(("deny", "all", "#")).Select(r => new { permission = r.Item1, action = r.Item2, topic = r.Item3 }),
    });

    public static Task JsonAsync(HttpContext context, string body, int status = 200, string type = MediaTypeNames.Application.Json)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        return context.Response.WriteAsync(body);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        var question = JsonDocument.Parse(await reader.ReadToEndAsync()).RootElement;
        Asked.Enqueue((question, context.Request.Headers["X-EasySmart-Hook-Key"], context.Request.ContentType));
        var user = question.GetProperty("username").GetString()!;
        await (Answer?.Invoke(user, context) ?? JsonAsync(context, Default(user)));
    }

    private static string Default(string user) => user switch
    {
        "" => """{"result": "deny"}""",
        "free" => Allow(("allow", "all", "#")),
        _ when user.StartsWith("service/", StringComparison.Ordinal) => Allow(
            ("allow", "subscribe", "tenants/+/devices/+/telemetry/#"), ("allow", "publish", "tenants/+/devices/+/events/errors")),
        _ => Allow(
            [
                .. from topic in s_published
                   select ("allow", "publish", $"tenants/t1/devices/{user}/{topic}"),
                .. from topic in s_subscribed
                   select ("allow", "subscribe", $"tenants/t1/devices/{user}/{topic}"),
            ]),
    };
}
