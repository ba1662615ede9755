using System.Net.ServerSentEvents;
using System.Text.Json;
using System.Threading.Channels;

namespace EasySmart.TelemetryQuery.Tests.Streams;

/// <summary>A client that follows a stream, and reads what comes as it comes.</summary>
internal sealed class OpenedStream : IAsyncDisposable
{
    private readonly HttpResponseMessage _answer;
    private readonly Channel<SseItem<string>> _events = Channel.CreateUnbounded<SseItem<string>>();
    private readonly CancellationTokenSource _closing = new();
    private Task _reading = Task.CompletedTask;

    private OpenedStream(HttpResponseMessage answer) => _answer = answer;

    /// <summary>The ping that every stream begins with.</summary>
    public SseItem<string> First { get; private set; }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Opens one; what is announced from here on concerns it.</summary>
    public static async Task<OpenedStream> OpenAsync(HttpClient client, string query = "", string? lastEventId = null)
    {
        var stream = await OpenUnreadAsync(client, query, lastEventId);
        stream.Read();
        stream.First = await stream.NextAsync("ping");
        return stream;
    }

    /// <summary>Opens one and takes nothing from it.</summary>
    public static async Task<OpenedStream> OpenUnreadAsync(HttpClient client, string query = "", string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/telemetry/stream?{query}");
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}: {(answer.IsSuccessStatusCode ? "" : await answer.Content.ReadAsStringAsync(Cancellation))}");
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        return new OpenedStream(answer);
    }

    public void Read() => _reading = Task.Run(ReadAsync, Cancellation);

    /// <summary>The next event of this type; those before it are passed over.</summary>
    public async Task<SseItem<string>> NextAsync(string type)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        deadline.CancelAfter(TimeSpan.FromSeconds(30));
        await foreach (var next in _events.Reader.ReadAllAsync(deadline.Token))
        {
            if (next.EventType == type)
            {
                return next;
            }

            Assert.True(next.EventType is "ping" or "reading" or "gap", $"{next.EventType}: {next.Data}");
        }

        throw new InvalidOperationException($"The stream ended without another {type}");
    }

    /// <summary>The number in the next reading's value.</summary>
    public async Task<double> NextNumberAsync() => NumberOf(await NextAsync("reading"));

    public static double NumberOf(SseItem<string> reading) =>
        JsonSerializer.Deserialize<JsonElement>(reading.Data).GetProperty("value").GetProperty("value").GetDouble();

    /// <summary>All readings' numbers until one of them is this.</summary>
    public async Task<List<double>> NumbersUntilAsync(double last)
    {
        var numbers = new List<double>();
        do
        {
            numbers.Add(await NextNumberAsync());
        }
        while (numbers[^1] != last);
        return numbers;
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _reading;
        _answer.Dispose();
        _closing.Dispose();
    }

    private async Task ReadAsync()
    {
        try
        {
            await using var body = await _answer.Content.ReadAsStreamAsync(_closing.Token);
            await foreach (var next in SseParser.Create(body).EnumerateAsync(_closing.Token))
            {
                _events.Writer.TryWrite(next);
            }
        }
        catch (Exception gone) when (gone is IOException or HttpRequestException or ObjectDisposedException or OperationCanceledException)
        {
            // Cut off, by us or by the service: the test sees what is missing.
        }

        _events.Writer.Complete();
    }
}
