using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A tenant gives its device another secret.</summary>
public sealed class CredentialRouteTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly HttpClient _broker = host.Broker();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private HttpClient Client => host.Admin(_tenant);

    [Fact]
    public async Task Without_an_overlap_the_old_secret_is_dead_at_once()
    {
        var device = await Client.ProvisionAsync();
        // An empty body is fine.
        var rotated = await Client.ActAsync(device.device_id, "credentials/rotate").OkAsync();
        Assert.Equal(
            ["device_id", "device_secret", "mqtt_username", "previous_valid_until", "broker", "broker_url", "topic_prefix"],
            rotated.EnumerateObject().Select(p => p.Name));
        Assert.Equal(JsonValueKind.Null, rotated.GetProperty("previous_valid_until").ValueKind);
        Assert.Equal(
            (device.mqtt_username, device.broker, device.broker_url, device.topic_prefix),
            (Text(rotated, "mqtt_username"), Text(rotated, "broker"), Text(rotated, "broker_url"), Text(rotated, "topic_prefix")));
        Assert.Matches("^[0-9a-f]{64}$", Text(rotated, "device_secret"));
        Assert.Equal("deny", await _broker.ResultOfAsync(device.mqtt_username, device.device_secret));
        Assert.Equal("allow", await _broker.ResultOfAsync(device.mqtt_username, Text(rotated, "device_secret")));
        Assert.Equal(1, await host.ScalarAsync<long>(
            "SELECT count(*) FROM owed_ends WHERE device_id = $1 AND credential_id IS NOT NULL AND due_at <= now()", device.device_id));
        Assert.Single((await Client.ViewAsync(device.device_id)).GetProperty("credentials").EnumerateArray());
        var audit = await host.Events.ExpectAsync<AuditRecorded>(e => e.DeviceId == device.device_id && e.EventType == "device.credentials_rotated");
        Assert.Equal(0, audit.Metadata!.Value.GetProperty("overlap_seconds").GetInt32());
    }

    [Fact]
    public async Task With_an_overlap_both_pass_and_the_answer_says_until_when()
    {
        var device = await Client.ProvisionAsync();
        var rotated = await RotateAsync(device.device_id, new { overlap_seconds = 604_800 }).OkAsync();
        Assert.Equal("allow", await _broker.ResultOfAsync(device.mqtt_username, device.device_secret));
        Assert.Equal("allow", await _broker.ResultOfAsync(device.mqtt_username, Text(rotated, "device_secret")));
        var credentials = (await Client.ViewAsync(device.device_id)).GetProperty("credentials").EnumerateArray().ToList();
        Assert.Equal([Text(rotated, "previous_valid_until"), null], credentials.Select(c => Text(c, "valid_until")));
        Assert.Equal(0, await host.SessionEndsAsync(device.device_id));

        // What has ended is not shown any more.
        await host.ScalarAsync<int>(
            "UPDATE credentials SET valid_from = now() - interval '2 s', valid_until = now() - interval '1 s' WHERE device_id = $1 AND valid_until IS NOT NULL",
            device.device_id);
        Assert.Single((await Client.ViewAsync(device.device_id)).GetProperty("credentials").EnumerateArray());
        Assert.Equal("deny", await _broker.ResultOfAsync(device.mqtt_username, device.device_secret));
    }

    [Fact]
    public async Task A_lost_answer_is_told_again_and_not_made_again()
    {
        var device = await Client.ProvisionAsync();
        var client = Client;
        var (first, second) = (await RotateAsync(device.device_id, new { }, "k1", client).OkAsync(), await RotateAsync(device.device_id, new { }, "k1", client).OkAsync());
        Assert.Equal(first.GetRawText(), second.GetRawText());
        Assert.Equal("deny", await _broker.ResultOfAsync(device.mqtt_username, device.device_secret));
        Assert.Equal("allow", await _broker.ResultOfAsync(device.mqtt_username, Text(first, "device_secret")));
        var third = await RotateAsync(device.device_id, new { }, "k2", client).OkAsync();
        Assert.Equal("deny", await _broker.ResultOfAsync(device.mqtt_username, Text(first, "device_secret")));
        Assert.Equal("allow", await _broker.ResultOfAsync(device.mqtt_username, Text(third, "device_secret")));
        using var other = await RotateAsync(device.device_id, new { overlap_seconds = 5 }, "k2", client);
        await Envelope.AssertAsync(other, 409, "conflict");
    }

    [Fact]
    public async Task One_key_on_two_devices_rotates_only_the_first()
    {
        var (device, another, client) = (await Client.ProvisionAsync(), await Client.ProvisionAsync(), Client);
        await RotateAsync(device.device_id, new { }, "same", client).OkAsync();
        using var answer = await RotateAsync(another.device_id, new { }, "same", client);
        await Envelope.AssertAsync(answer, 409, "conflict");
        Assert.Equal("allow", await _broker.ResultOfAsync(another.mqtt_username, another.device_secret));
    }

    [Fact]
    public async Task Many_at_once_leave_one_secret()
    {
        var device = await Client.ProvisionAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Client.ActAsync(device.device_id, "credentials/rotate").OkAsync()));
        var results = new List<string>();
        foreach (var answer in answers)
        {
            results.Add(await _broker.ResultOfAsync(device.mqtt_username, Text(answer, "device_secret")));
        }

        Assert.Single(results, "allow");
        Assert.Equal(1L, await host.ScalarAsync<long>("SELECT count(*) FROM credentials WHERE device_id = $1", device.device_id));
    }

    [Fact]
    public async Task A_suspended_device_may_be_given_a_secret_for_later()
    {
        var device = await Client.ProvisionAsync();
        await Client.ActAsync(device.device_id, "suspend").OkAsync();
        var rotated = await RotateAsync(device.device_id, new { }).OkAsync();
        Assert.Equal("deny", await _broker.ResultOfAsync(device.mqtt_username, Text(rotated, "device_secret")));
        await Client.ActAsync(device.device_id, "resume").OkAsync();
        Assert.Equal("allow", await _broker.ResultOfAsync(device.mqtt_username, Text(rotated, "device_secret")));
    }

    [Theory]
    [InlineData("""{"overlap_seconds": -1}""")]
    [InlineData("""{"overlap_seconds": 604801}""")]
    [InlineData("""{"overlap_seconds": 1.5}""")]
    [InlineData("""{"overlap_seconds": "an hour"}""")]
    public async Task An_overlap_that_is_none_is_400(string body)
    {
        var device = await Client.ProvisionAsync();
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        var envelope = await Envelope.AssertAsync(
            await Client.PostAsync($"/devices/{device.device_id}/credentials/rotate", content, Cancellation), 400, "bad_request");
        Assert.Equal(["overlap_seconds"], envelope.GetProperty("details").EnumerateObject().Select(p => p.Name));
        Assert.Equal("allow", await _broker.ResultOfAsync(device.mqtt_username, device.device_secret));
    }

    private Task<HttpResponseMessage> RotateAsync(Guid device, object body, string? key = null, HttpClient? client = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"/devices/{device}/credentials/rotate") { Content = JsonContent.Create(body) };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        return (client ?? Client).SendAsync(request, Cancellation);
    }

    private static string? Text(JsonElement json, string name) => json.GetProperty(name).GetString();
}
