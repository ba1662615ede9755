using System.Text;
using System.Text.Json;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Hosting;

namespace EasySmart.Ingestion.Tests;

/// <summary><c>POST /telemetry</c>, as EMQX and programs call it.</summary>
public sealed class WebhookTests(IngestionHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EMQXs_own_action_is_stored_under_the_brokers_time()
    {
        var device = host.Owner.Put(_tenant);
        var at = DateTimeOffset.UtcNow.AddMinutes(-1).ToUnixTimeMilliseconds();
        var body = $$"""
            {"topic":"{{device.Topic(7)}}","clientid":"pump","client_attrs":{"device_id":"{{device.DeviceId}}"},
             "payload":"{{Base64("{\"value\":23.5}")}}","payload_encoding":"base64","timestamp":{{at}}}
            """;
        using var answer = await Platform.PostAsync("/telemetry?on_limit=record", Json(body), Cancellation);
        Assert.Equal($$"""{"success":true,"device_id":"{{device.DeviceId}}","slot":7}""", await TextAsync(answer, 200));
        // Committed by then.
        Assert.Equal($"{at}000 23.5", await StoredAsync(device));
    }

    [Theory]
    [InlineData("1771156800000")]
    [InlineData("\"1771156800000\"")]
    [InlineData("\"2026-02-15T12:00:00Z\"")]
    [InlineData("\"2026-02-15T09:00:00-03:00\"")]
    public async Task The_earlier_template_is_stored_with_its_escapes_in_the_topic(string timestamp)
    {
        var device = host.Owner.Put(_tenant);
        var topic = device.Topic(1).Replace("/", "\\\\/", StringComparison.Ordinal);
        var body = $$"""{"clientid":"c","topic":"{{topic}}","payload":{"value": 1.50, "deep":[1,{"a":null}]},"timestamp":{{timestamp}}, "qos":0}""";
        Assert.Contains("\"slot\":1", await PostAsync(body, 200), StringComparison.Ordinal);
        Assert.Equal("""1771156800000000 {"deep": [1, {"a": null}], "value": 1.50}""", await StoredAsync(device));
    }

    [Theory]
    [InlineData("\"on\"", "", "\"on\"")]
    [InlineData("null", "", "null")]
    [InlineData("12345678901234567890.10", "", "12345678901234567890.10")]
    [InlineData("\"{\\\"value\\\": \\\"ü\\\"}\"", ",\"payload_encoding\":\"text\"", "{\"value\": \"ü\"}")]
    [InlineData("\"W3sidmFsdWUiOjF9XQ==\"", ",\"payload_encoding\":\"base64\"", "[{\"value\": 1}]")]
    [InlineData("{\"a\":1}", ",\"payload_encoding\":null", "{\"a\": 1}")]
    public async Task A_payload_is_stored_as_it_was_sent(string payload, string encoding, string stored)
    {
        var device = host.Owner.Put(_tenant);
        await PostAsync($$"""{"topic":"{{device.Topic()}}","payload":{{payload}}{{encoding}}}""", 200);
        Assert.Equal(stored, await host.ScalarAsync<string>("SELECT payload::text FROM readings WHERE device_id = $1", device.DeviceId));
    }

    [Theory]
    [InlineData("\"payload\":1,\"topic\":\"x\"")]
    [InlineData("\"payload\":1,\"\\u0074opic\":\"x\"")]
    [InlineData("\"payload\":{\"a\":1,\"b\":[{\"c\":1,\"\\u0063\":2}]}")]
    [InlineData("\"payload\":{\"value\":1,\"value\":2}")]
    [InlineData("\"payload\":1,\"other\":{\"x\":1,\"x\":1}")]
    public async Task A_name_given_twice_is_refused(string rest)
    {
        var device = host.Owner.Put(_tenant);
        await PostAsync($$"""{"topic":"{{device.Topic()}}",{{rest}}}""", 400);
        Assert.Equal((0, ""), (await host.ReadingsOfAsync(device), await host.RejectionsOfAsync(device)));
    }

    [Theory]
    [InlineData("{", null)]
    [InlineData("", null)]
    [InlineData("[]", null)]
    [InlineData("{}", "topic")]
    [InlineData("{\"topic\":7,\"payload\":1}", "topic")]
    [InlineData("{\"topic\":\"\\ud800\",\"payload\":1}", null)]
    [InlineData("{\"topic\":\"TOPIC\"}", "payload")]
    [InlineData("{\"topic\":\"TOPIC\",\"payload\":1} {}", null)]
    [InlineData("{\"topic\":\"TOPIC\",\"payload\":1,\"payload_encoding\":\"hex\"}", "payload_encoding")]
    [InlineData("{\"topic\":\"TOPIC\",\"payload\":1,\"payload_encoding\":7}", "payload_encoding")]
    [InlineData("{\"topic\":\"TOPIC\",\"payload\":1,\"payload_encoding\":\"text\"}", "payload")]
    [InlineData("{\"topic\":\"TOPIC\",\"payload\":\"no_base64\",\"payload_encoding\":\"base64\"}", "payload")]
    [InlineData("{\"topic\":\"TOPIC\",\"payload\":1,\"timestamp\":\"soon\"}", "timestamp")]
    [InlineData("{\"topic\":\"TOPIC\",\"payload\":1,\"timestamp\":\"\"}", "timestamp")]
    [InlineData("{\"topic\":\"TOPIC\",\"payload\":1,\"timestamp\":{}}", "timestamp")]
    [InlineData("{\"topic\":\"TOPIC\",\"payload\":1,\"timestamp\":\"2026-02-15T12:00:00\"}", "timestamp")]
    [InlineData("{\"topic\":\"TOPIC\",\"payload\":1,\"client_attrs\":\"x\"}", "client_attrs")]
    [InlineData("{\"topic\":\"TOPIC\",\"payload\":1,\"client_attrs\":{\"device_id\":7}}", "client_attrs")]
    [InlineData("{\"topic\":\"TOPIC\",\"payload\":1,\"clientid\":7}", "clientid")]
    public async Task What_cannot_be_read_is_400_and_not_recorded(string body, string? field)
    {
        var device = host.Owner.Put(_tenant);
        using var answer = await Platform.PostAsync("/telemetry", Json(body.Replace("TOPIC", device.Topic(), StringComparison.Ordinal)), Cancellation);
        var envelope = await Envelope.AssertAsync(answer, 400, "bad_request");
        Assert.True(field is null || envelope.GetProperty("details").GetProperty(field)[0].GetString()!.Length > 0, envelope.ToString());
        Assert.Equal((0, ""), (await host.ReadingsOfAsync(device), await host.RejectionsOfAsync(device)));
    }

    [Fact]
    public async Task Bytes_that_are_no_text_are_400()
    {
        var device = host.Owner.Put(_tenant);
        var content = new ByteArrayContent([.. Encoding.UTF8.GetBytes($$"""{"topic":"{{device.Topic()}}","payload":" """), 0xFF, .. "\"}"u8]);
        content.Headers.ContentType = new("application/json");
        await Envelope.AssertAsync(await Platform.PostAsync("/telemetry", content, Cancellation), 400, "bad_request");
    }

    [Theory]
    [InlineData("{\"value\":\"\\u0000\"}", 400, "bad_text", "payload")]
    [InlineData("1e200000", 400, "number_out_of_range", "payload")]
    [InlineData("{\"ts\":\"soon\",\"value\":1}", 400, "bad_timestamp", "ts")]
    [InlineData("{\"ts\":99999999999999,\"value\":1}", 400, "timestamp_in_future", "ts")]
    [InlineData("{\"ts\":1,\"value\":1}", 400, "timestamp_too_old", "ts")]
    [InlineData("[{\"ts\":1,\"value\":1},{\"ts\":2,\"value\":1}]", 400, "timestamp_too_old", "ts", 2)]
    public async Task A_payload_that_cannot_be_stored_is_400_and_recorded(string payload, int status, string reason, string field, int times = 1)
    {
        var device = host.Owner.Put(_tenant);
        var answer = JsonSerializer.Deserialize<JsonElement>(await PostAsync($$"""{"topic":"{{device.Topic()}}","payload":{{payload}}}""", status));
        Assert.NotEqual("", answer.GetProperty("details").GetProperty(field)[0].GetString());
        Assert.Equal($"{reason}={times}", await host.RejectionsOfAsync(device));
    }

    [Fact]
    public async Task Base64_of_what_is_no_JSON_and_depth_and_size_are_told_apart()
    {
        var device = host.Owner.Put(_tenant);
        await PostAsync(Encoded(device, "{"), 400);
        await PostAsync(Encoded(device, ""), 400);
        await PostAsync($$"""{"topic":"{{device.Topic()}}","payload":{{new string('[', 257)}}{{new string(']', 257)}}}""", 400);
        await PostAsync($$"""{"topic":"{{device.Topic()}}","payload":"{{new string('x', 64 * 1024)}}"}""", 413);
        Assert.Equal("bad_json=2 too_deep=1 too_large=1", await host.RejectionsOfAsync(device));
        await PostAsync($$"""{"topic":"{{device.Topic()}}","payload":{{new string('[', 256)}}{{new string(']', 256)}}}""", 200);
        await PostAsync($$"""{"topic":"{{device.Topic()}}","payload":"{{new string('x', 64 * 1024 - 2)}}"}""", 200);
        await PostAsync(new string(' ', 1 << 20) + " ", 413);
    }

    [Fact]
    public async Task Topics_slots_and_times_that_are_wrong_are_400_and_recorded()
    {
        var device = host.Owner.Put(_tenant);
        await PostAsync(Reading($"{device.Topic()}x"), 400);
        await PostAsync(Reading(device.Topic(32768)), 400);
        await PostAsync(Reading(device.Topic().Replace("slot", "other", StringComparison.Ordinal)), 400);
        Assert.Contains("\"details\":{\"topic\":[", await PostAsync(Reading("nonsense"), 400), StringComparison.Ordinal);
        var ahead = DateTimeOffset.UtcNow.AddMinutes(6).ToUnixTimeMilliseconds();
        Assert.Contains("\"timestamp\":[", await PostAsync($$"""{"topic":"{{device.Topic()}}","payload":1,"timestamp":{{ahead}}}""", 400), StringComparison.Ordinal);
        Assert.Equal("bad_slot=2 bad_topic=1 timestamp_in_future=1", await host.RejectionsOfAsync(device));
    }

    [Fact]
    public async Task Whose_device_it_is_decides_who_may_send()
    {
        var (device, suspended, other) = (host.Owner.Put(_tenant), host.Owner.Put(_tenant, DeviceStatus.Suspended), host.Owner.Put(Guid.CreateVersion7()));
        await Envelope.AssertAsync(await Platform.PostAsync("/telemetry", Json(Reading(suspended.Topic())), Cancellation), 404, "not_found");
        Assert.Contains("Device not found or inactive", await PostAsync(Reading(device.Topic().Replace($"{device.DeviceId}", $"{Guid.CreateVersion7()}", StringComparison.Ordinal)), 404), StringComparison.Ordinal);
        // The topic says this tenant, the device is another's.
        await PostAsync(Reading(other.Topic().Replace($"{other.TenantId}", $"{_tenant}", StringComparison.Ordinal)), 403);
        Assert.Equal(("device_inactive=1", "tenant_mismatch=1"), (await host.RejectionsOfAsync(suspended), await host.RejectionsOfAsync(other)));
        // A key of one tenant for another's topic: that is the caller's mistake and not the device's.
        var key = host.As(_tenant, permissions: "telemetry:write");
        await Envelope.AssertAsync(await key.PostAsync("/telemetry", Json(Reading(other.Topic())), Cancellation), 403, "forbidden");
        Assert.Equal("tenant_mismatch=1", await host.RejectionsOfAsync(other));
        await TextAsync(await key.PostAsync("/telemetry", Json(Reading(device.Topic())), Cancellation), 200);
        var reader = host.As(_tenant, permissions: "telemetry:read");
        await Envelope.AssertAsync(await reader.PostAsync("/telemetry", Json(Reading(device.Topic())), Cancellation), 403, "forbidden");
        await Envelope.AssertAsync(await host.Direct().PostAsync("/telemetry", Json(Reading(device.Topic())), Cancellation), 401, "unauthorized");
        Assert.Equal(1, await host.ReadingsOfAsync(device));
    }

    [Fact]
    public async Task A_device_that_sends_under_anothers_topic_is_refused_in_its_own_record()
    {
        var (sender, victim, foreign) = (host.Owner.Put(_tenant), host.Owner.Put(_tenant), host.Owner.Put(Guid.CreateVersion7()));
        await PostAsync(Reading(sender.Topic()), 200);
        await PostAsync(Reading(foreign.Topic()), 200);
        await PostAsync(From($"{sender.DeviceId}"), 403);
        await PostAsync(From("undefined"), 403);
        // Whoever is no broker cannot know, and fills nobody else's record.
        using var key = host.As(_tenant, permissions: "telemetry:write");
        await Envelope.AssertAsync(await key.PostAsync("/telemetry", Json(From($"{foreign.DeviceId}")), Cancellation), 403, "forbidden");
        Assert.Equal(("sender_mismatch=1", "", ""), (await host.RejectionsOfAsync(sender), await host.RejectionsOfAsync(victim), await host.RejectionsOfAsync(foreign)));
        Assert.Equal(_tenant, await host.ScalarAsync<Guid>("SELECT tenant_id FROM rejections WHERE device_id = $1", sender.DeviceId));
        Assert.Equal(0, await host.ReadingsOfAsync(victim));

        string From(string device) => $$"""{"topic":"{{victim.Topic()}}","payload":1,"client_attrs":{"device_id":"{{device}}"} }""";
    }

    [Fact]
    public async Task Media_types_and_parameters_that_are_not_ours_are_refused()
    {
        var device = host.Owner.Put(_tenant);
        var text = new StringContent(Reading(device.Topic()), Encoding.UTF8, "text/plain");
        await Envelope.AssertAsync(await Platform.PostAsync("/telemetry", text, Cancellation), 415, "unsupported_media_type");
        var untyped = new ByteArrayContent(Encoding.UTF8.GetBytes(Reading(device.Topic())));
        await Envelope.AssertAsync(await Platform.PostAsync("/telemetry", untyped, Cancellation), 415, "unsupported_media_type");
        await Envelope.AssertAsync(await Platform.PostAsync("/telemetry?on_limit=drop", Json(Reading(device.Topic())), Cancellation), 400, "bad_request");
        Assert.Equal(0, await host.ReadingsOfAsync(device));
    }

    [Fact]
    public async Task A_series_tells_which_of_its_readings_were_refused()
    {
        var device = host.Owner.Put(_tenant);
        var answer = JsonSerializer.Deserialize<JsonElement>(await PostAsync(
            $$"""{"topic":"{{device.Topic()}}","payload":[{"ts":1771156800000,"value":1},{"ts":"soon","value":2},{"ts":1771156801000,"value":3}]}""", 200));
        Assert.Equal("1 bad_timestamp", string.Join(',', answer.GetProperty("rejected").EnumerateArray().Select(r => $"{r.GetProperty("index")} {r.GetProperty("reason").GetString()}")));
        Assert.Equal(2, await host.ReadingsOfAsync(device));
    }

    [Fact]
    public async Task A_request_that_is_repeated_is_stored_once_and_other_values_of_its_millisecond_all()
    {
        var device = host.Owner.Put(_tenant);
        for (var i = 0; i < 3; i++)
        {
            await PostAsync(At(1), 200);
            await PostAsync(At(2), 200);
        }

        await Task.WhenAll(Enumerable.Range(3, 20).Select(value => PostAsync(At(value), 200)));
        Assert.Equal(22, await host.ReadingsOfAsync(device));
        Assert.Equal("1 2", await host.ScalarAsync<string>(
            "SELECT string_agg(value::text, ' ' ORDER BY time) FROM readings WHERE device_id = $1 AND value < 3", device.DeviceId));
        // With a time of the device's own the first stays.
        await PostAsync($$"""{"topic":"{{device.Topic(1)}}","payload":{"ts":1771156800000,"value":1} }""", 200);
        await PostAsync($$"""{"topic":"{{device.Topic(1)}}","payload":{"ts":1771156800000,"value":1} }""", 200);
        await PostAsync($$"""{"topic":"{{device.Topic(1)}}","payload":{"ts":1771156800000,"value":2} }""", 409);
        Assert.Equal("conflict=1", await host.RejectionsOfAsync(device));

        string At(int value) => $$"""{"topic":"{{device.Topic()}}","payload":{"value":{{value}}},"timestamp":1771156800000}""";
    }

    private HttpClient Platform => host.As(null, permissions: "telemetry:write");

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private static string Reading(string topic) => $$"""{"topic":"{{topic}}","payload":{"value":1} }""";

    private static string Encoded(TestOwner.Device device, string payload) =>
        $$"""{"topic":"{{device.Topic()}}","payload":"{{Base64(payload)}}","payload_encoding":"base64"}""";

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private async Task<string> PostAsync(string body, int status) => await TextAsync(await Platform.PostAsync("/telemetry", Json(body), Cancellation), status);

    private static async Task<string> TextAsync(HttpResponseMessage answer, int status)
    {
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True((int)answer.StatusCode == status, $"{(int)answer.StatusCode}: {text}");
        return text;
    }

    private Task<string?> StoredAsync(TestOwner.Device device) => host.ScalarAsync<string>(
        "SELECT (extract(epoch FROM time) * 1000000)::bigint || ' ' || coalesce(payload::text, value::text) FROM readings WHERE device_id = $1", device.DeviceId);
}
