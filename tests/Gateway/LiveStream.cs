using System.Net;
using System.Net.Http.Headers;
using EasySmart.Hosting;

namespace EasySmart.Gateway.Tests;

/// <summary>A stream of events through the gateway, and the hand of the service that sends them.</summary>
internal sealed class LiveStream : IDisposable
{
    public const string Path = "/api/v1/telemetry/stream";

    private readonly FakeServices _behind;
    private readonly string _name;
    private readonly HttpResponseMessage _answer;
    private readonly StreamReader _reader;

    private LiveStream(FakeServices behind, string name, HttpResponseMessage answer, Stream body) =>
        (_behind, _name, _answer, _reader) = (behind, name, answer, new StreamReader(body));

    public HttpResponseHeaders Headers => _answer.Headers;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<LiveStream> OpenAsync(GatewayHost gateway, HttpClient client, string query = "")
    {
        var name = Guid.NewGuid().ToString();
        using var request = new HttpRequestMessage(HttpMethod.Get, Path + query) { Headers = { { "X-Behave", "stream" }, { "X-Stream", name } } };
        var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        return new LiveStream(gateway.Behind, name, answer, await answer.Content.ReadAsStreamAsync(Cancellation));
    }

    /// <summary>The service sends an event.</summary>
    public void Send(string text) => _behind.EventsOf(_name).Writer.TryWrite(text);

    /// <summary>The next event; null at an end that the service meant.</summary>
    public async Task<string?> ReadAsync()
    {
        var line = await _reader.ReadLineAsync(Cancellation);
        Assert.Equal(line is null ? null : "", await _reader.ReadLineAsync(Cancellation));
        return line?["data: ".Length..];
    }

    /// <summary>Asserts that it is open.</summary>
    public async Task GoesOnAsync()
    {
        Send("still here");
        Assert.Equal("still here", await ReadAsync());
    }

    /// <summary>Waits for the connection to break: no client may take that for an end that the service meant.</summary>
    public async Task EndsAsync(Action? meanwhile = null)
    {
        var reading = _reader.ReadToEndAsync(Cancellation);
        await Eventually.TrueAsync(() =>
        {
            meanwhile?.Invoke();
            return Task.FromResult(reading.IsCompleted);
        });
        await Assert.ThrowsAnyAsync<IOException>(() => reading);
    }

    public void Dispose()
    {
        _reader.Dispose();
        _answer.Dispose();
    }
}
