using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>One device, as its tenant sees and describes it.</summary>
public sealed class DeviceViewTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private HttpClient Client => host.Admin(_tenant);

    [Fact]
    public async Task Everything_about_a_device_and_no_secret_of_it()
    {
        var user = Guid.CreateVersion7();
        var device = await host.Admin(_tenant, user).ProvisionAsync();
        await host.ScalarAsync<int>(
            """
            UPDATE devices SET hardware_id = $2, model = 'PT-100', hardware_revision = 'C', firmware_version = '1.4.2', last_ip = '192.0.2.9',
                metadata = '{"line": 3, "näme": [1.50, null]}', tags = '{hall-3,hot}', last_seen_at = '2026-02-15T00:00:00Z' WHERE id = $1
            """,
            device.device_id, device.device_id.ToString("N")[^12..]);
        var view = await Client.ViewAsync(device.device_id);
        Assert.Equal(
            [
                "device_id", "device_label", "status", "firmware_version", "last_seen_at", "created_at", "online", "tags", "hardware_id", "model",
                "hardware_revision", "owner_user_id", "metadata", "claimed_at", "activated_at", "last_ip", "credentials",
            ],
            view.EnumerateObject().Select(p => p.Name));
        Assert.Equal((device.device_label, "claimed", "1.4.2"), (Text("device_label"), Text("status"), Text("firmware_version")));
        Assert.Equal(("PT-100", "C", "192.0.2.9"), (Text("model"), Text("hardware_revision"), Text("last_ip")));
        Assert.Equal((device.device_id.ToString("N")[^12..], user.ToString()), (Text("hardware_id"), Text("owner_user_id")));
        Assert.Equal("2026-02-15T00:00:00Z", Text("last_seen_at"));
        Assert.Equal(Text("created_at"), Text("claimed_at"));
        Assert.Equal(JsonValueKind.Null, view.GetProperty("activated_at").ValueKind);
        AssertJsonEqual("""{"line": 3, "näme": [1.50, null]}""", view.GetProperty("metadata"));
        Assert.Equal("""["hall-3","hot"]""", view.GetProperty("tags").GetRawText());
        var credential = Assert.Single(view.GetProperty("credentials").EnumerateArray());
        Assert.Equal(["credential_id", "valid_from", "valid_until"], credential.EnumerateObject().Select(p => p.Name));
        Assert.Equal(JsonValueKind.Null, credential.GetProperty("valid_until").ValueKind);
        Assert.DoesNotContain(device.device_secret, view.GetRawText(), StringComparison.OrdinalIgnoreCase);

        string? Text(string name) => view.GetProperty(name).GetString();
    }

    [Theory]
    [InlineData(null, null, null, false)]
    [InlineData(false, null, null, false)]
    [InlineData(true, null, null, true)]
    [InlineData(true, "online", 5, true)]
    [InlineData(true, "offline", -5, true)]
    [InlineData(true, "offline", 5, false)]
    [InlineData(false, "online", 5, false)]
    public async Task Online_is_who_isConnected_and_has_not_said_otherwise_since(bool? connected, string? reported, int? after, bool online)
    {
        var device = await Client.ProvisionAsync();
        var at = DateTimeOffset.UtcNow;
        if (connected is { } isConnected)
        {
            await host.ConnectAsync(_tenant, device.device_id, at, isConnected);
        }

        // Another device's session, and one that this device had in another tenant, say nothing about it.
        await host.ConnectAsync(_tenant, (await Client.ProvisionAsync()).device_id, at);
        await host.ConnectAsync(Guid.CreateVersion7(), device.device_id, at);
        if (after is { } seconds)
        {
            await host.ScalarAsync<int>("UPDATE devices SET reported = $2, reported_at = $3 WHERE id = $1", device.device_id, reported!, at.AddSeconds(seconds));
        }

        Assert.Equal(online, (await Client.ViewAsync(device.device_id)).GetProperty("online").GetBoolean());
        var listed = await Client.GetFromJsonAsync<JsonElement>("/devices", Cancellation);
        Assert.Equal(online, listed.EnumerateArray().Single(d => d.GetProperty("device_id").GetGuid() == device.device_id).GetProperty("online").GetBoolean());
    }

    [Fact]
    public async Task What_is_changed_is_changed_and_the_rest_stays()
    {
        var (device, label) = (await Client.ProvisionAsync(), Calls.NewLabel());
        var view = await Client.PatchAsync(device.device_id, new { tags = new[] { "hall 3", "hot" } }).OkAsync();
        Assert.Equal((device.device_label, """["hall 3","hot"]"""), (view.GetProperty("device_label").GetString(), view.GetProperty("tags").GetRawText()));
        await Client.PatchAsync(device.device_id, new { metadata = new { line = 3, note = "é😀" } }).OkAsync();
        await Client.PatchAsync(device.device_id, new { device_label = label }).OkAsync();
        await Client.PatchAsync(device.device_id, new { }).OkAsync();
        view = await Client.PatchAsync(device.device_id, new { device_label = (string?)null, metadata = (object?)null, tags = (string[]?)null }).OkAsync();
        Assert.Equal((label, 3, "é😀"), (
            view.GetProperty("device_label").GetString(), view.GetProperty("metadata").GetProperty("line").GetInt32(),
            view.GetProperty("metadata").GetProperty("note").GetString()));
        Assert.Equal(view.GetRawText(), (await Client.ViewAsync(device.device_id)).GetRawText());

        // Only the label is the replicas' business: provision and rename.
        var versions = await host.VersionsAsync(device.device_id, 2);
        Assert.True(versions[1] > versions[0]);
        Assert.Equal(label, host.Events.All<DeviceChanged>(e => e.DeviceId == device.device_id)[1].DeviceLabel);
        Assert.Equal(label, (await host.StateAsync(device.device_id)).GetProperty("device_label").GetString());

        await Eventually.TrueAsync(() => Task.FromResult(Updates().Count == 3));
        AssertJsonEqual("""{"before":{"tags":[]},"after":{"tags":["hall 3","hot"]}}""", Updates()[0].Metadata!.Value);
        AssertJsonEqual("""{"before":{"metadata":[]},"after":{"metadata":["line","note"]}}""", Updates()[1].Metadata!.Value);
        Assert.Equal(device.device_label, Updates()[2].Metadata!.Value.GetProperty("before").GetProperty("device_label").GetString());
        Assert.Equal(("update", "success", _tenant), (Updates()[0].Action, Updates()[0].Result, Updates()[0].TenantId!.Value));

        IReadOnlyList<AuditRecorded> Updates() => host.Events.All<AuditRecorded>(e => e.DeviceId == device.device_id && e.EventType == "device.updated");
    }

    [Fact]
    public async Task A_new_label_logs_in_at_once_and_the_old_one_is_free_for_another()
    {
        var (first, second, label) = (await Client.ProvisionAsync(), await Client.ProvisionAsync(), Calls.NewLabel());
        using (var clash = await Client.PatchAsync(second.device_id, new { device_label = first.device_label, tags = new[] { "kept back" } }))
        {
            await Envelope.AssertAsync(clash, 409, "conflict");
        }

        Assert.Equal("[]", (await Client.ViewAsync(second.device_id)).GetProperty("tags").GetRawText());
        // Labels are unique across the platform, whoever has them.
        await Envelope.AssertAsync(
            await host.Admin(Guid.CreateVersion7()).PostProvisionAsync(first.device_label), 409, "conflict");
        Assert.Equal("allow", await host.Broker().ResultOfAsync(first.device_label, first.device_secret));
        await Client.PatchAsync(first.device_id, new { device_label = label }).OkAsync();
        Assert.Equal("deny", await host.Broker().ResultOfAsync(first.device_label, first.device_secret));
        Assert.Equal("allow", await host.Broker().ResultOfAsync(label, first.device_secret));
        await Client.PatchAsync(second.device_id, new { first.device_label }).OkAsync();
        Assert.Equal("allow", await host.Broker().ResultOfAsync(first.device_label, second.device_secret, "another client id"));
    }

    [Fact]
    public async Task One_of_many_gets_a_label()
    {
        var devices = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Client.ProvisionAsync()));
        var label = Calls.NewLabel();
        var answers = await Task.WhenAll(devices.Select(d => Client.PatchAsync(d.device_id, new { device_label = label })));
        Assert.Single(answers, a => (int)a.StatusCode == 200);
        Assert.Equal(7, answers.Count(a => (int)a.StatusCode == 409));
    }

    public static TheoryData<string, string> Wrong { get; } = new()
    {
        { """{"device_label": ""}""", "device_label" },
        { """{"device_label": "a/b"}""", "device_label" },
        { """{"device_label": "019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70"}""", "device_label" },
        { """{"device_label": 5}""", "device_label" },
        { """{"metadata": []}""", "metadata" },
        { """{"metadata": "text"}""", "metadata" },
        { """{"metadata": {"a": "\u0000"}}""", "metadata" },
        { """{"metadata": {"a": "\ud800"}}""", "metadata" },
        { """{"metadata": {"\ud800": 1}}""", "metadata" },
        { """{"metadata": {"a": 1e200000}}""", "metadata" },
        { """{"metadata": {"a": "?"}}""".Replace("?", new string('x', 4090), StringComparison.Ordinal), "metadata" },
        { """{"tags": [""]}""", "tags" },
        { """{"tags": [null]}""", "tags" },
        { """{"tags": ["a", "a"]}""", "tags" },
        { """{"tags": ["a,b"]}""", "tags" },
        { """{"tags": ["a\u0000"]}""", "tags" },
        { """{"tags": ["012345678901234567890123456789012"]}""", "tags" },
        { """{"tags": ["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17","18","19","20","21"]}""", "tags" },
        { """{"tags": "a"}""", "tags" },
        { """{"tags": [1]}""", "tags" },
    };

    [Theory, MemberData(nameof(Wrong))]
    public async Task What_is_wrong_with_a_change_is_named(string body, string field)
    {
        var device = await Client.ProvisionAsync();
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        var envelope = await Envelope.AssertAsync(await Client.PatchAsync($"/devices/{device.device_id}", content, Cancellation), 400, "bad_request");
        Assert.StartsWith(field, envelope.GetProperty("details").EnumerateObject().Single().Name, StringComparison.Ordinal);
        Assert.Equal("{}", (await Client.ViewAsync(device.device_id)).GetProperty("metadata").GetRawText());
    }

    [Fact]
    public async Task Half_a_surrogate_pair_in_place_of_a_text_is_400_too()
    {
        var device = await Client.ProvisionAsync();
        await Client.PatchAsync(device.device_id, new { metadata = new { a = "text" } }).OkAsync();
        using var content = new StringContent("""{"metadata": {"a": "\ud800"}}""", System.Text.Encoding.UTF8, "application/json");
        await Envelope.AssertAsync(await Client.PatchAsync($"/devices/{device.device_id}", content, Cancellation), 400, "bad_request");
        Assert.Equal("text", (await Client.ViewAsync(device.device_id)).GetProperty("metadata").GetProperty("a").GetString());
    }

    [Fact]
    public async Task The_largest_metadata_and_tags_that_are_allowed_are()
    {
        var device = await Client.ProvisionAsync();
        // 4,096 bytes in all; the characters of a tag are counted as people count them.
        var (note, tags) = (new string('x', 4096 - """{"a":""}""".Length), Enumerable.Range(10, 20).Select(i => string.Concat(Enumerable.Repeat("😀", 30)) + i).ToArray());
        var view = await Client.PatchAsync(device.device_id, new { metadata = new { a = note }, tags }).OkAsync();
        Assert.Equal(note, view.GetProperty("metadata").GetProperty("a").GetString());
        Assert.Equal(tags, view.GetProperty("tags").EnumerateArray().Select(t => t.GetString()));
    }

    private static void AssertJsonEqual(string expected, JsonElement actual) =>
        Assert.True(JsonElement.DeepEquals(JsonSerializer.Deserialize<JsonElement>(expected), actual), actual.GetRawText());
}
