using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EasySmart.Broker.Tests;

/// <summary>Hears client events, as DeviceProvisioning does. Can be away and come back at the same address.</summary>
internal sealed class TestReceiver : IAsyncDisposable
{
    private WebApplication? _app;

    public ConcurrentQueue<JsonElement> Heard { get; } = [];

    public ConcurrentQueue<string> Senders { get; } = [];

    /// <summary>What it answers with; before it does, it may take its time.</summary>
    public Func<HttpContext, Task<int>> Answer { get; set; } = _ => Task.FromResult(StatusCodes.Status204NoContent);

    public string Url { get; private set; } = "http://127.0.0.1:0/internal/mqtt/events";

    public static async Task<TestReceiver> StartAsync()
    {
        var receiver = new TestReceiver();
        await receiver.OpenAsync();
        return receiver;
    }

    public async Task OpenAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(new Uri(Url).GetLeftPart(UriPartial.Authority));
        _app = builder.Build();
        _app.MapPost("/internal/mqtt/events", HearAsync);
        await _app.StartAsync();
        Url = _app.Urls.First() + "/internal/mqtt/events";
    }

    public async Task CloseAsync()
    {
        if (_app is { } app)
        {
            _app = null;
            await app.DisposeAsync();
        }
    }

    public IEnumerable<JsonElement> Of(string clientId) =>
        Heard.Where(e => e.GetProperty("clientid").GetString() == clientId).OrderBy(e => e.GetProperty("timestamp").GetInt64());

    /// <summary>The reason of the client's last disconnect.</summary>
    public string? Reason(string clientId) =>
        Of(clientId).Where(e => e.TryGetProperty("reason", out _)).Select(e => e.GetProperty("reason").GetString()).LastOrDefault();

    public async ValueTask DisposeAsync() => await CloseAsync();

    private async Task HearAsync(HttpContext context)
    {
        var happened = await JsonSerializer.DeserializeAsync<JsonElement>(context.Request.Body);
        var status = await Answer(context);
        if (status < StatusCodes.Status300MultipleChoices)
        {
            Senders.Enqueue($"{context.Request.ContentType} {context.Request.Headers["X-EasySmart-Hook-Key"]}");
            Heard.Enqueue(happened);
        }

        context.Response.StatusCode = status;
    }
}
