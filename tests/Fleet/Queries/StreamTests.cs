using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Text.Json;
using EasySmart.Fleet.Tests.Devices;
using MQTTnet;
using MQTTnet.Protocol;

namespace EasySmart.Fleet.Tests.Queries;

/// <summary>What a dashboard sees live: from a device through the broker, ingestion and telemetry-query to the gateway's client.</summary>
public sealed class StreamTests(ITestOutputHelper output)
{
    private const int Readings = 60;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_a_device_publishes_is_seen_live_once_and_by_its_tenant_only()
    {
        var (tenant, other) = (await Tenant.RegisterAsync(), await Tenant.RegisterAsync());
        var (device, foreign) = (await tenant.ProvisionAsync(), await other.ProvisionAsync());
        using var client = await ConnectAsync(device);
        using var foreignClient = await ConnectAsync(foreign);
        // Both are known everywhere once they have been heard.
        await PublishAsync(client, device, -1);
        await PublishAsync(foreignClient, foreign, -1);
        await tenant.ReadsBackAsync(device, 0, """{"value":-1}""");
        await other.ReadsBackAsync(foreign, 0, """{"value":-1}""");

        using var http = new HttpClient(new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero }) { BaseAddress = Fleet.Gateway };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/telemetry/stream");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", tenant.Token);
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        await using var body = await answer.Content.ReadAsStreamAsync(Cancellation);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        deadline.CancelAfter(TimeSpan.FromMinutes(1));
        await using var events = SseParser.Create(body).EnumerateAsync(deadline.Token).GetAsyncEnumerator(deadline.Token);
        Assert.Equal("ping", (await NextAsync(events)).EventType);

        var took = new List<double>();
        for (var number = 0; number < Readings; number++)
        {
            await PublishAsync(foreignClient, foreign, 1000 + number);
            var clock = Stopwatch.StartNew();
            await PublishAsync(client, device, number);
            var told = await NextAsync(events);
            while (told.EventType == "ping")
            {
                told = await NextAsync(events);
            }

            took.Add(clock.Elapsed.TotalMilliseconds);
            Assert.Equal("reading", told.EventType);
            var reading = JsonSerializer.Deserialize<JsonElement>(told.Data);
            Assert.Equal((device.Id, 0, number), (
                reading.GetProperty("device_id").GetGuid(), reading.GetProperty("slot").GetInt32(), reading.GetProperty("value").GetProperty("value").GetInt32()));
        }

        took.Sort();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"Stream, from publish to the client: median {took[Readings / 2]:F1} ms, p95 {took[Readings * 95 / 100]:F1} ms, most {took[^1]:F1} ms"));
    }

    private static async Task<SseItem<string>> NextAsync(IAsyncEnumerator<SseItem<string>> events) =>
        await events.MoveNextAsync() ? events.Current : throw new InvalidOperationException("The stream has ended");

    private static async Task<IMqttClient> ConnectAsync(Device device)
    {
        var client = DeviceClient.Make();
        await client.ConnectAsync(DeviceClient.Options(device).Build(), Cancellation);
        return client;
    }

    // At QoS 0, as the firmware does: nothing is waited for but the reading.
    private static async Task PublishAsync(IMqttClient client, Device device, int number) => await client.PublishStringAsync(
        device.Slot(0), $$"""{"value":{{number}}}""", MqttQualityOfServiceLevel.AtMostOnce, cancellationToken: Cancellation);
}
