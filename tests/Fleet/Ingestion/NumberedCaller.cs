using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Mime;
using System.Text;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>What sends a device's readings by HTTP: 200 acknowledges, and after anything else it goes on with the next.</summary>
internal sealed class NumberedCaller : NumberedSource
{
    private readonly HttpClient _http = new() { BaseAddress = Fleet.Gateway };

    public NumberedCaller(Device device, string key, bool withTime)
        : base(device, withTime)
    {
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        Start();
    }

    /// <summary>How often which status came, and whether it said when to come back.</summary>
    public ConcurrentDictionary<(HttpStatusCode Status, bool RetryAfter), int> Answers { get; } = [];

    protected override Task<bool> IsConnectedAsync() => Task.FromResult(true);

    protected override async Task<bool> SendAsync(byte[] payload)
    {
        using var body = new StringContent(
            $$"""{"topic": "{{Device.Slot(0)}}", "payload": {{Encoding.UTF8.GetString(payload)}}}""", Encoding.UTF8, MediaTypeNames.Application.Json);
        using var answer = await _http.PostAsync("/api/v1/telemetry", body);
        Answers.AddOrUpdate((answer.StatusCode, answer.Headers.RetryAfter is not null), 1, (_, count) => count + 1);
        return answer.StatusCode == HttpStatusCode.OK;
    }

    protected override void Close() => _http.Dispose();
}
