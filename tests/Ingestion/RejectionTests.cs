using System.Net.Http.Json;
using System.Reflection;
using System.Text;
using System.Text.Json;
using EasySmart.Hosting;
using EasySmart.Ingestion.Parsing;
using EasySmart.Ingestion.Rejected;

namespace EasySmart.Ingestion.Tests;

/// <summary>A tenant finds out why its devices' messages were refused, and nothing about anybody else's.</summary>
public sealed class RejectionTests(IngestionHost host)
{
    private static readonly DateTime Now = DateTime.UtcNow;
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private HttpClient Reader => host.As(_tenant, permissions: "telemetry:read");

    [Fact]
    public async Task What_a_device_sent_in_vain_is_shown_by_reason_newest_first()
    {
        var device = host.Owner.Put(_tenant);
        await KnownAsync(_tenant, device.DeviceId, $"pump-{device.DeviceId:N}"[..30]);
        await host.Broker.PublishAsync((device.Topic(7), "{\"value\": 23,5}"), (device.Topic(7), "{"), (device.Topic(40_000), "1"));
        await Eventually.TrueAsync(async () => await host.RejectionsOfAsync(device) == "bad_json=2 bad_slot=1");
        foreach (var query in new[] { "", $"?device_id={device.DeviceId}", $"?device_label=pump-{device.DeviceId:N}"[..(14 + 30)] })
        {
            var (slot, json) = await ReadAsync(query) switch { [var newest, var oldest] => (newest, oldest), var other => throw new InvalidOperationException($"{other.Length} entries for {query}") };
            Assert.Equal(("bad_slot", 1, device.Topic(40_000), "1"), (Text(slot, "reason"), slot.GetProperty("count").GetInt32(), Text(slot, "topic"), Text(slot, "sample")));
            Assert.Equal(
                ["device_id", "reason", "message", "count", "first_at", "last_at", "topic", "sample"], json.EnumerateObject().Select(field => field.Name));
            Assert.Equal((device.DeviceId, "bad_json", 2), (json.GetProperty("device_id").GetGuid(), Text(json, "reason"), json.GetProperty("count").GetInt32()));
            Assert.Equal(("The payload is not JSON", device.Topic(7)), (Text(json, "message"), Text(json, "topic")));
            Assert.EndsWith("Z", Text(json, "last_at"), StringComparison.Ordinal);
            Assert.True(json.GetProperty("first_at").GetDateTimeOffset() <= json.GetProperty("last_at").GetDateTimeOffset());
        }
    }

    [Fact]
    public async Task Minutes_of_the_window_add_up_and_the_newest_sample_is_shown()
    {
        var device = Guid.CreateVersion7();
        await AddAsync(_tenant, device, "bad_json", Now.AddHours(-30), 100, "oldest"u8);
        await AddAsync(_tenant, device, "bad_json", Now.AddHours(-20), 10, "old"u8);
        await AddAsync(_tenant, device, "bad_json", Now.AddHours(-1), 1, "new"u8);
        await AddAsync(_tenant, device, "too_large", Now.AddHours(-2), 5, "x"u8);
        Assert.Equal(["bad_json 11 new", "too_large 5 x"], await ShortAsync(""));
        Assert.Equal(["bad_json 111 new", "too_large 5 x"], await ShortAsync($"?since={Now.AddHours(-31):yyyy-MM-ddTHH:mm:ssZ}"));
        Assert.Equal(["bad_json 1 new"], await ShortAsync($"?since={Now.AddMinutes(-90):yyyy-MM-ddTHH:mm:ssZ}"));
        Assert.Equal(["too_large 5 x"], await ShortAsync("?reason=too_large"));
        Assert.Empty(await ShortAsync("?reason=bad_topic"));
        var first = (await ReadAsync("?reason=bad_json"))[0].GetProperty("first_at").GetDateTimeOffset();
        Assert.Equal(Minute(Now.AddHours(-20)), first.UtcDateTime);
    }

    [Fact]
    public async Task Nobody_sees_another_tenants()
    {
        var (mine, foreign, other) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await KnownAsync(_tenant, mine, $"m{mine:N}");
        await KnownAsync(other, foreign, $"f{foreign:N}");
        await AddAsync(_tenant, mine, "bad_json", Now, 1, "mine"u8);
        await AddAsync(other, foreign, "bad_json", Now, 2, "foreign"u8);
        Assert.Equal(["bad_json 1 mine"], await ShortAsync(""));
        foreach (var query in new[] { $"device_id={foreign}", $"device_label=f{foreign:N}", $"device_id={Guid.CreateVersion7()}", "device_label=", "device_label=a%00b" })
        {
            var envelope = await Envelope.AssertAsync(await Reader.GetAsync($"/telemetry/rejections?{query}", Cancellation), 404, "not_found");
            Assert.Equal("Device not found or inactive", envelope.GetProperty("message").GetString());
        }

        // The operator names one; nobody else may name another than his own.
        var operators = host.As(null, role: "super_admin", permissions: "system:admin");
        Assert.Equal(["bad_json 2 foreign"], await ShortAsync($"?tenant_id={other}", operators));
        Assert.Equal(["bad_json 2 foreign"], await ShortAsync($"?tenant_id={other}&device_id={foreign}", operators));
        await Envelope.AssertAsync(await operators.GetAsync($"/telemetry/rejections?tenant_id={other}&device_id={mine}", Cancellation), 404, "not_found");
        await Envelope.AssertAsync(await operators.GetAsync("/telemetry/rejections", Cancellation), 400, "bad_request");
        await Envelope.AssertAsync(await Reader.GetAsync($"/telemetry/rejections?tenant_id={other}", Cancellation), 400, "bad_request");
        await Envelope.AssertAsync(await host.As(_tenant, permissions: "telemetry:write").GetAsync("/telemetry/rejections", Cancellation), 403, "forbidden");
        await Envelope.AssertAsync(await host.Anonymous().GetAsync("/telemetry/rejections", Cancellation), 401, "unauthorized");
    }

    [Fact]
    public async Task Pages_follow_one_another_also_where_entries_have_the_same_time()
    {
        var expected = new HashSet<string>();
        foreach (var device in Enumerable.Range(0, 3).Select(_ => Guid.CreateVersion7()))
        {
            foreach (var reason in new[] { "timestamp_too_old", "timestamp_in_future", "bad_json" })
            {
                await AddAsync(_tenant, device, reason, Now, 1, "x"u8);
                expected.Add($"{device} {reason}");
            }
        }

        var seen = new List<string>();
        for (var next = "?limit=2"; next is not null;)
        {
            using var answer = await Reader.GetAsync($"/telemetry/rejections{next}", Cancellation);
            var page = (await answer.Content.ReadFromJsonAsync<JsonElement[]>(Cancellation))!;
            Assert.InRange(page.Length, 1, 2);
            seen.AddRange(page.Select(entry => $"{Text(entry, "device_id")} {Text(entry, "reason")}"));
            next = answer.Headers.TryGetValues("Link", out var links) ? links.Single().Split('<', '>')[1] : null;
        }

        Assert.Equal(9, seen.Count);
        Assert.Equal(expected, [.. seen]);
    }

    [Theory]
    [InlineData("device_id=pump", "device_id")]
    [InlineData("device_id=019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70&device_label=pump", "device_id")]
    [InlineData("reason=weather", "reason")]
    [InlineData("reason=%00", "reason")]
    [InlineData("since=yesterday", "since")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=1001", "limit")]
    [InlineData("cursor=x", "cursor")]
    [InlineData("cursor=MS8yL2E", "cursor")]
    public async Task What_makes_no_sense_is_400(string query, string field)
    {
        var envelope = await Envelope.AssertAsync(await Reader.GetAsync($"/telemetry/rejections?{query}", Cancellation), 400, "bad_request");
        Assert.True(envelope.GetProperty("details").TryGetProperty(field, out _), envelope.ToString());
    }

    [Fact]
    public async Task A_sample_that_is_no_text_is_base64()
    {
        var device = host.Owner.Put(_tenant);
        using var client = await host.Broker.ConnectAsync();
        await client.PublishAsync(
            new MQTTnet.MqttApplicationMessageBuilder().WithTopic(device.Topic()).WithPayload([0xFF, 0x00, 0x7B])
                .WithQualityOfServiceLevel(MQTTnet.Protocol.MqttQualityOfServiceLevel.AtLeastOnce).Build(),
            Cancellation);
        await Eventually.TrueAsync(async () => await host.RejectionsOfAsync(device) == "invalid_utf8=1");
        var entry = Assert.Single(await ReadAsync(""));
        Assert.Equal(("base64", "/wB7"), (Text(entry, "sample_encoding"), Text(entry, "sample")));
    }

    public static TheoryData<byte[], string, string?> Samples => new()
    {
        { [], "", null },
        { "a\tb\r\né"u8.ToArray(), "a\tb\r\né", null },
        { [.. Xs(255), 0xC3], new string('x', 255), null },
        { [.. Xs(254), 0xE2, 0x82], new string('x', 254), null },
        { [.. Xs(253), 0xF0, 0x9F, 0x98], new string('x', 253), null },
        { [.. Xs(252), .. "😀"u8], new string('x', 252) + "😀", null },
        { [.. Xs(256)], new string('x', 256), null },
        { [.. Xs(2), 0xC3], "eHjD", "base64" },
        { [.. Xs(2), 0x01], "eHgB", "base64" },
        { [.. Xs(255), 0xFF], Convert.ToBase64String([.. Xs(255), 0xFF]), "base64" },
        { [.. Xs(252), 0x80, 0x80, 0x80, 0x80], Convert.ToBase64String([.. Xs(252), 0x80, 0x80, 0x80, 0x80]), "base64" },
    };

    [Theory]
    [MemberData(nameof(Samples))]
    public void A_sample_ends_with_a_whole_character(byte[] kept, string shown, string? encoding) =>
        Assert.Equal((shown, encoding), (SampleText.Of(kept, out var actual), actual));

    [Fact]
    public void Every_reason_is_explained_to_people()
    {
        var reasons = typeof(Rejections).GetFields(BindingFlags.Static | BindingFlags.Public).Where(f => f.IsLiteral).Select(f => (string)f.GetValue(null)!);
        Assert.Empty(reasons.Except(RejectionReasons.All));
        Assert.Equal(RejectionReasons.All.Count, RejectionReasons.All.Select(RejectionReasons.Explain).Distinct().Count());
    }

    private static byte[] Xs(int count) => Encoding.ASCII.GetBytes(new string('x', count));

    private static DateTime Minute(DateTime time) => time.AddTicks(-(time.Ticks % TimeSpan.TicksPerMinute));

    private static string Text(JsonElement entry, string field) => entry.GetProperty(field).GetString()!;

    private async Task<JsonElement[]> ReadAsync(string query, HttpClient? caller = null) =>
        (await (caller ?? Reader).GetFromJsonAsync<JsonElement[]>($"/telemetry/rejections{query}", Cancellation))!;

    private async Task<IEnumerable<string>> ShortAsync(string query, HttpClient? caller = null) =>
        (await ReadAsync(query, caller)).Select(e => $"{Text(e, "reason")} {e.GetProperty("count")} {Text(e, "sample")}");

    private Task<int> KnownAsync(Guid tenant, Guid device, string label) => host.ScalarAsync<int>(
        "INSERT INTO devices (device_id, tenant_id, device_label, status, version) VALUES ($1, $2, $3, 'suspended', 1)", device, tenant, label);

    private Task<int> AddAsync(Guid tenant, Guid device, string reason, DateTime at, long count, ReadOnlySpan<byte> sample) => host.ScalarAsync<int>(
        "INSERT INTO rejections (tenant_id, device_id, reason, minute, count, sample, topic, last_at) VALUES ($1, $2, $3, $4, $5, $6, 'topic', $7)",
        tenant, device, reason, Minute(at), count, sample.ToArray(), at);
}
