using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Text.Json;
using EasySmart.Fleet.Tests.Devices;
using EasySmart.Hosting;
using MQTTnet;
using MQTTnet.Protocol;

namespace EasySmart.Fleet.Tests.Queries;

/// <summary>All ways to read say the same of the same data, while a device publishes and a backlog of hours comes in late between.</summary>
public sealed class AgreementTests
{
    private const int Messages = 400;
    private const int LateEvery = 40;
    private const int InBacklog = 25;
    private static readonly string[] Buckets = ["1m", "15m", "1h", "6h", "1d&tz=America/Sao_Paulo", "auto&tz=Asia/Kathmandu"];

    private readonly DateTimeOffset _now = DateTimeOffset.FromUnixTimeMilliseconds(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());

    // Published, by time.
    private readonly ConcurrentDictionary<DateTimeOffset, double> _published = new();

    // Told by the stream, as it came.
    private readonly ConcurrentQueue<(DateTimeOffset Time, double Value)> _streamed = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task History_aggregate_export_and_stream_agree_while_ingest_runs_and_late_data_arrives()
    {
        var tenant = await (await Tenant.RegisterAsync()).WithoutMessageLimitAsync();
        var device = await tenant.ProvisionAsync();
        using var client = DeviceClient.Make();
        await client.ConnectAsync(DeviceClient.Options(device).Build(), Cancellation);
        await PublishAsync(client, device, "[]");
        await tenant.ReadsBackAsync(device, 0, "[]");

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var opened = new TaskCompletionSource();
        var streaming = StreamAsync(tenant, opened, ended.Token);
        await opened.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
        var publishing = PublishAllAsync(client, device);
        while (!publishing.IsCompleted)
        {
            // What is stored only grows: whoever is asked later knows of as much or more, and nobody of what was not published.
            var history = (await HistoryAsync(tenant, device)).Count;
            var aggregate = (await AggregateAsync(tenant, device, "1h")).Sum(p => p.GetProperty("count").GetInt64());
            var export = (await ExportAsync(tenant, device)).Count;
            Assert.True(history <= aggregate && aggregate <= export && export <= _published.Count, $"{history}, {aggregate}, {export} of {_published.Count}");
        }

        await publishing;
        var expected = _published.OrderBy(r => r.Key).Select(r => (r.Key, r.Value)).ToList();
        await Eventually.TrueAsync(async () => (await HistoryAsync(tenant, device)).Count == expected.Count);
        Assert.Equal(expected, await HistoryAsync(tenant, device));
        Assert.Equal(expected, await ExportAsync(tenant, device));
        foreach (var bucket in Buckets)
        {
            await AggregatesAsync(tenant, device, bucket, expected);
        }

        // Once more when the rollups of all that came late are made anew.
        await using (var store = Fleet.Telemetry())
        {
            await Eventually.TrueAsync(async () =>
            {
                await using var due = store.CreateCommand("SELECT count(*) FROM rollups_due WHERE device_id = $1");
                due.Parameters.Add(new() { Value = device.Id });
                return await due.ExecuteScalarAsync(Cancellation) is 0L;
            });
        }

        await AggregatesAsync(tenant, device, "1h", expected);
        await Eventually.TrueAsync(() => Task.FromResult(_streamed.Count >= expected.Count));
        await ended.CancelAsync();
        await streaming;
        Assert.Equal(expected, _streamed.OrderBy(r => r.Time));
    }

    private async Task PublishAllAsync(IMqttClient client, Device device)
    {
        var random = new Random(1);
        for (var i = 0; i < Messages; i++)
        {
            if (i % LateEvery != LateEvery - 1)
            {
                await PublishAsync(client, device, Reading(DateTimeOffset.UtcNow, i));
                continue;
            }

            var backlog = Enumerable.Range(0, InBacklog).Select(n => Reading(_now.AddSeconds(-random.Next(600, 7 * 3600)), 1000 * i + n));
            await PublishAsync(client, device, $"[{string.Join(',', backlog)}]");
        }
    }

    private string Reading(DateTimeOffset about, double value)
    {
        var time = DateTimeOffset.FromUnixTimeMilliseconds(about.ToUnixTimeMilliseconds());
        while (!_published.TryAdd(time, value))
        {
            time = time.AddMilliseconds(1);
        }

        return string.Create(CultureInfo.InvariantCulture, $$"""{"value":{{value}},"ts":{{time.ToUnixTimeMilliseconds()}}}""");
    }

    private static Task<MqttClientPublishResult> PublishAsync(IMqttClient client, Device device, string payload) =>
        client.PublishStringAsync(device.Slot(0), payload, MqttQualityOfServiceLevel.AtLeastOnce, cancellationToken: Cancellation);

    private string Ask(Device device) => string.Create(
        CultureInfo.InvariantCulture, $"device_id={device.Id}&slot=0&from={_now.AddHours(-8):yyyy-MM-ddTHH:mm:ss.fffZ}&to={_now.AddHours(1):yyyy-MM-ddTHH:mm:ss.fffZ}");

    private async Task<List<(DateTimeOffset, double)>> HistoryAsync(Tenant tenant, Device device) =>
        Numbers((await tenant.ReadAsync(HttpMethod.Get, $"/api/v1/telemetry/history?{Ask(device)}&order=asc&limit=10000")).EnumerateArray());

    private async Task<List<(DateTimeOffset, double)>> ExportAsync(Tenant tenant, Device device)
    {
        using var answer = await tenant.GetAsync($"/api/v1/telemetry/export?format=ndjson&{Ask(device)}");
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.IsSuccessStatusCode, text);
        return Numbers(text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<JsonElement>(line)));
    }

    private async Task<List<JsonElement>> AggregateAsync(Tenant tenant, Device device, string bucket) =>
        [.. (await tenant.ReadAsync(HttpMethod.Get, $"/api/v1/telemetry/aggregate?{Ask(device)}&fn=count,sum,min,max,first,last&fill=null&bucket={bucket}"))
            .GetProperty("points").EnumerateArray()];

    /// <summary>Every bucket holds what the readings from its time to the next one's say.</summary>
    private async Task AggregatesAsync(Tenant tenant, Device device, string bucket, List<(DateTimeOffset Time, double Value)> readings)
    {
        var points = await AggregateAsync(tenant, device, bucket);
        Assert.Equal(readings.Count, points.Sum(p => p.GetProperty("count").GetInt32()));
        foreach (var (i, point) in points.Index())
        {
            var (from, to) = (point.GetProperty("time").GetDateTimeOffset(), i + 1 < points.Count ? points[i + 1].GetProperty("time").GetDateTimeOffset() : DateTimeOffset.MaxValue);
            var inside = readings.Where(r => r.Time >= from && r.Time < to).Select(r => r.Value).ToList();
            Assert.Equal((inside.Count, inside.Sum()), (point.GetProperty("count").GetInt32(), point.GetProperty("sum").GetDouble()));
            if (inside.Count > 0)
            {
                Assert.Equal(
                    [inside.Min(), inside.Max(), inside[0], inside[^1]],
                    new[] { "min", "max", "first", "last" }.Select(fn => point.GetProperty(fn).GetDouble()));
            }
        }
    }

    private async Task StreamAsync(Tenant tenant, TaskCompletionSource opened, CancellationToken ended)
    {
        using var http = new HttpClient(new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero }) { BaseAddress = Fleet.Gateway };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/telemetry/stream");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", tenant.Token);
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ended);
        await using var body = await answer.Content.ReadAsStreamAsync(ended);
        try
        {
            await foreach (var told in SseParser.Create(body).EnumerateAsync(ended))
            {
                opened.TrySetResult();
                if (told.EventType == "reading" && Numbers([JsonSerializer.Deserialize<JsonElement>(told.Data)]) is [var reading])
                {
                    _streamed.Enqueue(reading);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // All has been told.
        }
    }

    // The empty array that made the device known is no number.
    private static List<(DateTimeOffset, double)> Numbers(IEnumerable<JsonElement> readings) =>
        [.. readings.Where(r => r.GetProperty("value").ValueKind == JsonValueKind.Object)
            .Select(r => (r.GetProperty("timestamp").GetDateTimeOffset(), r.GetProperty("value").GetProperty("value").GetDouble()))];
}
