using System.Text;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.Ingestion.Tests;

/// <summary><c>POST /telemetry/batch</c>: many readings, and an answer for each that is refused.</summary>
public sealed class WebhookBatchTests(IngestionHost host)
{
    private const string Array = "application/json";
    private const string Lines = "application/x-ndjson";
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Array)]
    [InlineData(Lines)]
    public async Task Ten_thousand_are_stored_and_again_not_twice(string type)
    {
        var device = host.Owner.Put(_tenant);
        var items = Enumerable.Range(0, 10_000).Select(i => Item(device.Topic(i % 10), $$"""{"value":{{i}}}""", 1771156800000 + i)).ToList();
        for (var round = 0; round < 2; round++)
        {
            Assert.Equal("""{"accepted":10000,"rejected":0,"errors":[]}""", await TextAsync(Platform, Body(items, type), type, 200));
        }

        Assert.Equal(10_000, await host.ReadingsOfAsync(device));
        items.Add(Item(device.Topic(), "1", 1771156800000));
        await Envelope.AssertAsync(await SendAsync(Platform, Body(items, type), type), 413, "payload_too_large");
        Assert.Equal((10_000, ""), (await host.ReadingsOfAsync(device), await host.RejectionsOfAsync(device)));
    }

    [Theory]
    [InlineData(Array)]
    [InlineData(Lines)]
    public async Task Each_that_is_refused_is_told_of_and_the_others_are_stored(string type)
    {
        var (device, other) = (host.Owner.Put(_tenant), host.Owner.Put(Guid.CreateVersion7()));
        List<string> items =
        [
            Item(device.Topic(), "1", 1771156800000),
            Item(device.Topic(32768), "1", 1771156800000),
            $$"""{"topic":"{{device.Topic()}}","payload":1,"timestamp":"soon"}""",
            "7",
            Item(device.Topic(), "1", 1771156800000),
            $$"""{"topic":"{{device.Topic()}}","payload":1,"topic":"{{device.Topic(1)}}"}""",
            Item(other.Topic(), "1", 1771156800000),
            $$"""{"topic":"{{device.Topic(2)}}","payload":[{"ts":1771156800000,"value":1},{"ts":"soon","value":2}]}""",
            Item(device.Topic().Replace($"{device.DeviceId}", $"{Guid.CreateVersion7()}", StringComparison.Ordinal), "1", 1771156800000),
            Item(device.Topic(3), $"\"{new string('x', 70_000)}\"", 1771156800000),
            Item(device.Topic(5), """{"ts":1771156800000,"value":9}""", 1771156800000),
            Item(device.Topic(4), "2", 1771156800000),
        ];
        using var key = host.As(_tenant, permissions: "telemetry:write");
        await TextAsync(key, $"[{Item(device.Topic(5), """{"ts":1771156800000,"value":8}""", 1771156800000)}]", Array, 200);
        var answer = JsonSerializer.Deserialize<JsonElement>(await TextAsync(key, Body(items, type), type, 200));
        Assert.Equal((4, 8), (answer.GetProperty("accepted").GetInt32(), answer.GetProperty("rejected").GetInt32()));
        Assert.Equal(
            "1 bad_request bad_slot,2 bad_request,3 bad_request,5 bad_request,6 forbidden,7 bad_request 1 bad_timestamp,8 not_found unknown_device,9 payload_too_large too_large,10 conflict conflict",
            string.Join(',', answer.GetProperty("errors").EnumerateArray().Select(Short)));
        Assert.All(answer.GetProperty("errors").EnumerateArray(), error => Assert.NotEqual("", error.GetProperty("message").GetString()));
        Assert.Equal(4, await host.ReadingsOfAsync(device));
        Assert.Equal("bad_slot=1 bad_timestamp=1 conflict=1 too_large=1", await host.RejectionsOfAsync(device));
        Assert.Equal((0, ""), (await host.ReadingsOfAsync(other), await host.RejectionsOfAsync(other)));

        static string Short(JsonElement error)
        {
            var some = error.TryGetProperty("rejected", out var parts) ? $" {parts[0].GetProperty("index")} {parts[0].GetProperty("reason").GetString()}" : "";
            var reason = error.TryGetProperty("reason", out var one) ? $" {one.GetString()}" : "";
            return $"{error.GetProperty("index")} {error.GetProperty("code").GetString()}{reason}{some}";
        }
    }

    [Theory]
    [InlineData(Array, "")]
    [InlineData(Array, "[]")]
    [InlineData(Array, "{}")]
    [InlineData(Array, "null")]
    [InlineData(Array, "[ITEM")]
    [InlineData(Array, "[ITEM,]")]
    [InlineData(Array, "[ITEM] []")]
    [InlineData(Array, "[ITEM,{\"a\":tru}]")]
    [InlineData(Array, "ITEM\nITEM")]
    [InlineData(Lines, "")]
    [InlineData(Lines, "\n \r\n")]
    public async Task A_body_that_is_broken_is_400_and_nothing_of_it_is_stored(string type, string body)
    {
        var device = host.Owner.Put(_tenant);
        var item = Item(device.Topic(), "1", 1771156800000);
        await Envelope.AssertAsync(await SendAsync(Platform, body.Replace("ITEM", item, StringComparison.Ordinal), type), 400, "bad_request");
        Assert.Equal(0, await host.ReadingsOfAsync(device));
    }

    [Fact]
    public async Task A_line_that_is_broken_is_refused_by_itself()
    {
        var device = host.Owner.Put(_tenant);
        var body = $"{Item(device.Topic(), "1", 1771156800000)}\r\n\n{{\"topic\":\nnonsense\n{Item(device.Topic(1), "1", 1771156800000)}";
        var answer = JsonSerializer.Deserialize<JsonElement>(await TextAsync(Platform, body, Lines, 200));
        Assert.Equal("1 2", string.Join(' ', answer.GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("index").GetInt32())));
        Assert.Equal(2, await host.ReadingsOfAsync(device));
    }

    [Fact]
    public async Task Sixteen_MiB_are_taken_and_no_more()
    {
        var device = host.Owner.Put(_tenant);
        var items = Enumerable.Range(0, 250).Select(i => Item(device.Topic(), $"\"{new string('x', 65_000)}\"", 1771156800000 + i)).ToList();
        var body = Body(items, Array);
        body += new string(' ', (16 << 20) - body.Length);
        Assert.Equal("""{"accepted":250,"rejected":0,"errors":[]}""", await TextAsync(Platform, body, Array, 200));
        Assert.Equal(250, await host.ReadingsOfAsync(device));
        await Envelope.AssertAsync(await SendAsync(Platform, body + " ", Array), 413, "payload_too_large");
    }

    [Fact]
    public async Task Who_may_not_and_what_is_no_JSON_is_refused()
    {
        var body = $"[{Item(host.Owner.Put(_tenant).Topic(), "1", 1771156800000)}]";
        await Envelope.AssertAsync(await SendAsync(host.As(_tenant, permissions: "telemetry:read"), body, Array), 403, "forbidden");
        await Envelope.AssertAsync(await SendAsync(host.Direct(), body, Array), 401, "unauthorized");
        await Envelope.AssertAsync(await SendAsync(Platform, body, "text/plain"), 415, "unsupported_media_type");
        await Envelope.AssertAsync(await SendAsync(Platform, body, null), 415, "unsupported_media_type");
    }

    [Fact]
    public async Task What_cannot_be_stored_in_time_is_503_and_is_stored_once_in_the_end()
    {
        await using var own = await new ScriptedHost { Special = { ["Ingestion:WebhookPatience"] = "00:00:00.2" } }.StartAsync();
        var device = own.Owner.Put(_tenant);
        using var platform = own.As(null, permissions: "telemetry:write");
        var body = Body([.. Enumerable.Range(0, 3000).Select(i => Item(device.Topic(), $"{i}", 1771156800000 + i))], Lines);
        await own.Database.SetReachableAsync(false);
        var answer = await SendAsync(platform, body, Lines);
        await Envelope.AssertAsync(answer, 503, "service_unavailable");
        Assert.NotNull(answer.Headers.RetryAfter);
        await own.Database.SetReachableAsync(true);
        await Eventually.TrueAsync(async () => (int)(await SendAsync(platform, body, Lines)).StatusCode == 200);
        Assert.Equal(3000, await own.ReadingsOfAsync(device));
        Assert.Equal("", await own.RejectionsOfAsync(device));
    }

    private HttpClient Platform => host.As(null, permissions: "telemetry:write");

    private static string Item(string topic, string payload, long timestamp) => $$"""{"topic":"{{topic}}","payload":{{payload}},"timestamp":{{timestamp}}}""";

    private static string Body(IReadOnlyList<string> items, string type) => type == Lines ? string.Join('\n', items) + "\n" : $"[{string.Join(", ", items)}]";

    private static Task<HttpResponseMessage> SendAsync(HttpClient client, string body, string? type)
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        content.Headers.ContentType = type is null ? null : new(type);
        // What is too large is refused before it is sent, if the client asks first.
        var request = new HttpRequestMessage(HttpMethod.Post, "/telemetry/batch") { Content = content };
        request.Headers.ExpectContinue = body.Length > 16 << 20;
        return client.SendAsync(request, Cancellation);
    }

    private static async Task<string> TextAsync(HttpClient client, string body, string type, int status)
    {
        using var answer = await SendAsync(client, body, type);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True((int)answer.StatusCode == status, $"{(int)answer.StatusCode}: {text}");
        return text;
    }
}
