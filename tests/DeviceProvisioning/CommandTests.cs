using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Hosting;
using MQTTnet.Protocol;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>Commands to devices at a real broker.</summary>
public sealed class CommandTests
{
    private readonly DevicesHost _host;
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly HttpClient _operator;

    public CommandTests(DevicesHost host) => (_host, _operator) = (host, host.Operator(_tenant));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_device_that_is_there_gets_a_command_at_once_and_answers()
    {
        var provisioned = await ProvisionAsync();
        using var device = await MqttDevice.ConnectAsync(_host, provisioned);
        await device.SubscribeAsync();
        var given = await _operator.CommandAsync(provisioned.device_id, new { name = "set-point", payload = new { value = 7.50, unit = "°C" }, expires_in_seconds = 60 });
        Assert.Equal("queued", given.GetProperty("state").GetString());
        Assert.Equal("°C", given.GetProperty("payload").GetProperty("unit").GetString());
        var command = await FirstAsync(device);
        var message = Assert.Single(device.Received);
        Assert.Equal($"tenants/{_tenant}/devices/{provisioned.device_id}/commands/set-point", message.Topic);
        Assert.Equal((MqttQualityOfServiceLevel.AtLeastOnce, false), (message.QualityOfServiceLevel, message.Retain));
        Assert.InRange(message.MessageExpiryInterval, 1u, 60u);
        Assert.Equal(["id", "name", "payload", "created_at", "expires_at"], command.EnumerateObject().Select(p => p.Name));
        Assert.Equal(given.Id(), command.GetProperty("id").GetGuid());
        Assert.True(JsonElement.DeepEquals(given.GetProperty("payload"), command.GetProperty("payload")));
        Assert.Equal(given.GetProperty("expires_at").GetDateTimeOffset(), command.GetProperty("expires_at").GetDateTimeOffset());

        await IsAsync(given, "sent");
        await device.AnswerAsync(given.Id(), """{"status": "ok", "result": {"was":6.25}}""");
        var view = await IsAsync(given, "acknowledged");
        Assert.Equal("""{"was":6.25}""", view.GetProperty("result").GetRawText());
        Assert.Equal(
            ["command_id", "device_id", "name", "payload", "state", "created_at", "expires_at", "sent_at", "finished_at", "result", "error"],
            view.EnumerateObject().Select(p => p.Name));
        Assert.True(view.GetProperty("sent_at").GetDateTimeOffset() <= view.GetProperty("finished_at").GetDateTimeOffset());
        var created = await ToldAsync(given, "device.command_created");
        Assert.Equal(("user", "create", provisioned.device_id), (created.ActorType, created.Action, created.DeviceId));
        var finished = await ToldAsync(given, "device.command_finished");
        Assert.Equal(("device", "success", _tenant), (finished.ActorType, finished.Result, finished.TenantId));
    }

    [Fact]
    public async Task A_device_that_was_away_gets_its_commands_in_order_when_it_returns()
    {
        var provisioned = await ProvisionAsync();
        var given = new List<JsonElement>();
        for (var i = 0; i < 10; i++)
        {
            given.Add(await _operator.CommandAsync(provisioned.device_id, new { name = $"step-{i % 3}", payload = i }));
        }

        // The broker was tried, and nobody was there.
        await Eventually.TrueAsync(async () => await DueAsync(provisioned) == 0);
        Assert.All(await ListAsync(provisioned), command => Assert.Equal("queued", command.GetProperty("state").GetString()));
        using var device = await MqttDevice.ConnectAsync(_host, provisioned);
        await device.SubscribeAsync();
        await Eventually.TrueAsync(() => Task.FromResult(device.Received.Count == 10));
        Assert.Equal(Enumerable.Range(0, 10), device.Commands.Select(command => command.GetProperty("payload").GetInt32()));
        await IsAsync(given[^1], "sent");
    }

    [Fact]
    public async Task A_device_that_takes_one_command_only_is_not_kept_from_it_by_others()
    {
        var provisioned = await ProvisionAsync();
        await _operator.CommandAsync(provisioned.device_id, new { name = "never" });
        using var device = await MqttDevice.ConnectAsync(_host, provisioned);
        await device.SubscribeAsync("reboot");
        var given = await _operator.CommandAsync(provisioned.device_id, new { name = "reboot" });
        await IsAsync(given, "sent");
        await Eventually.TrueAsync(() => Task.FromResult(device.Names is ["reboot"]));
    }

    [Fact]
    public async Task While_its_session_is_kept_the_broker_holds_what_was_sent()
    {
        var provisioned = await ProvisionAsync();
        var first = await MqttDevice.ConnectAsync(_host, provisioned, expiry: 3600);
        await first.SubscribeAsync();
        await first.DisconnectAsync();
        var given = await _operator.CommandAsync(provisioned.device_id, new { name = "reboot" });
        await IsAsync(given, "sent");
        using var second = await MqttDevice.ConnectAsync(_host, provisioned, cleanStart: false, expiry: 3600);
        await Eventually.TrueAsync(() => Task.FromResult(second.Names is ["reboot"]));
        await second.AnswerAsync(given.Id(), """{"status":"ok"}""");
        await IsAsync(given, "acknowledged");
        first.Dispose();
    }

    [Fact]
    public async Task What_may_have_been_lost_with_a_session_is_sent_once_more_on_a_new_subscription_and_what_was_answered_is_not()
    {
        var provisioned = await ProvisionAsync();
        var lost = await MqttDevice.ConnectAsync(_host, provisioned, expiry: 3600);
        await lost.SubscribeAsync();
        var answered = await _operator.CommandAsync(provisioned.device_id, new { name = "first" });
        await IsAsync(answered, "sent");
        await lost.AnswerAsync(answered.Id(), """{"status":"ok"}""");
        await IsAsync(answered, "acknowledged");
        await lost.DisconnectAsync();
        var given = await _operator.CommandAsync(provisioned.device_id, new { name = "second" });
        await IsAsync(given, "sent");
        using var device = await MqttDevice.ConnectAsync(_host, provisioned, cleanStart: true);
        await device.SubscribeAsync();
        var again = await FirstAsync(device);
        Assert.Equal(given.Id(), again.GetProperty("id").GetGuid());
        await device.AnswerAsync(given.Id(), """{"status":"ok"}""");
        await IsAsync(given, "acknowledged");
        Assert.Equal(["second"], device.Names);
        lost.Dispose();
    }

    [Fact]
    public async Task A_device_that_restarts_before_it_answers_is_told_three_times_and_no_more()
    {
        var provisioned = await ProvisionAsync();
        var restart = await _operator.CommandAsync(provisioned.device_id, new { name = "restart" });
        for (var i = 0; i < 3; i++)
        {
            using var device = await MqttDevice.ConnectAsync(_host, provisioned);
            await device.SubscribeAsync();
            Assert.Equal(restart.Id(), (await FirstAsync(device)).GetProperty("id").GetGuid());
            await Eventually.TrueAsync(async () => await _host.ScalarAsync<int>("SELECT sendings FROM commands WHERE id = $1", restart.Id()) == i + 1);
            await device.DisconnectAsync();
        }

        using var last = await MqttDevice.ConnectAsync(_host, provisioned);
        await last.SubscribeAsync();
        var next = await _operator.CommandAsync(provisioned.device_id, new { name = "next" });
        await IsAsync(next, "sent");
        await Eventually.TrueAsync(() => Task.FromResult(last.Names.Count > 0));
        Assert.Equal(["next"], last.Names);
    }

    [Fact]
    public async Task A_device_may_fail_and_its_first_answer_counts()
    {
        var provisioned = await ProvisionAsync();
        using var device = await MqttDevice.ConnectAsync(_host, provisioned);
        await device.SubscribeAsync();
        var given = await _operator.CommandAsync(provisioned.device_id, new { name = "open-valve" });
        await FirstAsync(device);
        await device.AnswerAsync(given.Id(), "no JSON");
        await device.AnswerAsync(given.Id(), """{"status": "perhaps"}""");
        await device.AnswerAsync(given.Id(), """{"status": "failed", "error": "valve is stuck", "result": [1]}""");
        var view = await IsAsync(given, "failed");
        Assert.Equal(("valve is stuck", "[1]"), (view.GetProperty("error").GetString(), view.GetProperty("result").GetRawText()));
        await device.AnswerAsync(given.Id(), """{"status": "ok"}""");
        // A later command's answer comes after it, in the same order.
        var next = await _operator.CommandAsync(provisioned.device_id, new { name = "next" });
        await Eventually.TrueAsync(() => Task.FromResult(device.Names is [.., "next"]));
        await device.AnswerAsync(next.Id(), """{"status": "ok"}""");
        await IsAsync(next, "acknowledged");
        Assert.Equal("failed", (await _operator.ViewAsync(provisioned.device_id, given.Id())).GetProperty("state").GetString());
        Assert.Equal("failed", (await ToldAsync(given, "device.command_finished")).Result);
    }

    [Fact]
    public async Task An_answer_to_another_devices_command_changes_nothing()
    {
        var (own, sibling) = (await ProvisionAsync(), await ProvisionAsync());
        var strange = await _host.Installer(Guid.CreateVersion7()).ProvisionAsync();
        using var device = await MqttDevice.ConnectAsync(_host, own);
        await device.SubscribeAsync();
        var given = await _operator.CommandAsync(own.device_id, new { name = "reboot" });
        await FirstAsync(device);
        foreach (var other in new[] { sibling, strange })
        {
            using var liar = await MqttDevice.ConnectAsync(_host, other);
            await liar.AnswerAsync(given.Id(), """{"status": "failed", "error": "not mine"}""");
        }

        await device.AnswerAsync(given.Id(), """{"status": "ok"}""");
        await IsAsync(given, "acknowledged");
    }

    [Fact]
    public async Task Without_an_answer_a_command_expires_and_a_late_answer_still_counts_if_it_was_sent()
    {
        var provisioned = await ProvisionAsync();
        using var device = await MqttDevice.ConnectAsync(_host, provisioned);
        var unheard = await _operator.CommandAsync(provisioned.device_id, new { name = "unheard", expires_in_seconds = 1 });
        var view = await IsAsync(unheard, "expired");
        Assert.Equal(JsonValueKind.Null, view.GetProperty("sent_at").ValueKind);
        var told = await ToldAsync(unheard, "device.command_finished");
        Assert.Equal(("system", "failed"), (told.ActorType, told.Result));

        await device.SubscribeAsync();
        var given = await _operator.CommandAsync(provisioned.device_id, new { name = "slow", expires_in_seconds = 1 });
        await IsAsync(given, "expired");
        await device.AnswerAsync(unheard.Id(), """{"status":"ok"}""");
        await device.AnswerAsync(given.Id(), """{"status":"ok"}""");
        await IsAsync(given, "acknowledged");
        await IsAsync(unheard, "expired");
        Assert.DoesNotContain("unheard", device.Names);
    }

    [Fact]
    public async Task A_finished_command_is_kept_for_30_days()
    {
        var provisioned = await ProvisionAsync();
        var (old, young, open) = (
            await _operator.CommandAsync(provisioned.device_id, new { name = "old", expires_in_seconds = 1 }),
            await _operator.CommandAsync(provisioned.device_id, new { name = "young", expires_in_seconds = 1 }),
            await _operator.CommandAsync(provisioned.device_id, new { name = "open" }));
        await IsAsync(old, "expired");
        await IsAsync(young, "expired");
        foreach (var (command, days) in new[] { (young, 29), (old, 31) })
        {
            await _host.ScalarAsync<object>("UPDATE commands SET finished_at = now() - make_interval(days => $1) WHERE id = $2", days, command.Id());
        }

        await Eventually.TrueAsync(async () => (await ListAsync(provisioned)).Length == 2);
        Assert.Equal([open.Id(), young.Id()], (await ListAsync(provisioned)).Select(command => command.Id()));
    }

    [Theory]
    [InlineData("suspended")]
    [InlineData("revoked")]
    public async Task A_device_that_may_not_connect_gets_none(string status)
    {
        var provisioned = await ProvisionAsync();
        using var device = await MqttDevice.ConnectAsync(_host, provisioned);
        var waiting = await _operator.CommandAsync(provisioned.device_id, new { name = "reboot" });
        await Eventually.TrueAsync(async () => await DueAsync(provisioned) == 0);
        await _host.ScalarAsync<object>("UPDATE devices SET status = $1 WHERE id = $2", status, provisioned.device_id);
        await Envelope.AssertAsync(await _operator.PostCommandAsync(provisioned.device_id, new { name = "reboot" }), 409, "conflict");
        // Its session has not ended yet.
        await device.SubscribeAsync();
        await Eventually.TrueAsync(async () => await DueAsync(provisioned) == 0);
        Assert.Equal("queued", (await _operator.ViewAsync(provisioned.device_id, waiting.Id())).GetProperty("state").GetString());
        Assert.Empty(device.Received);
    }

    [Fact]
    public async Task A_hundred_may_be_open()
    {
        var provisioned = await ProvisionAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 105).Select(_ => _operator.PostCommandAsync(provisioned.device_id, new { name = "c" })));
        Assert.Equal(100, answers.Count(answer => answer.StatusCode == HttpStatusCode.Created));
        var refused = answers.First(answer => answer.StatusCode != HttpStatusCode.Created);
        Assert.NotNull(refused.Headers.RetryAfter);
        var error = await Envelope.AssertAsync(refused, 429, "rate_limited");
        Assert.Equal("""{"limit":"open_commands","max":100,"used":100,"window_seconds":0}""", error.GetProperty("details").GetRawText());
    }

    [Fact]
    public async Task The_same_request_with_the_same_key_is_one_command()
    {
        var provisioned = await ProvisionAsync();
        var (first, second) = (
            await _operator.PostCommandAsync(provisioned.device_id, new { name = "once" }, "key"),
            await _operator.PostCommandAsync(provisioned.device_id, new { name = "once" }, "key"));
        Assert.Equal(await first.Content.ReadAsStringAsync(Cancellation), await second.Content.ReadAsStringAsync(Cancellation));
        Assert.Single(await ListAsync(provisioned));
    }

    [Fact]
    public async Task The_list_is_newest_first_in_pages_and_by_state()
    {
        var provisioned = await ProvisionAsync();
        var given = new List<Guid>();
        for (var i = 0; i < 5; i++)
        {
            given.Insert(0, (await _operator.CommandAsync(provisioned.device_id, new { name = $"c{i}" })).Id());
        }

        var listed = new List<Guid>();
        var next = "?limit=2&state=queued";
        for (var page = 0; next is not null; page++)
        {
            using var answer = await _operator.GetAsync($"/devices/{provisioned.device_id}/commands{next}", Cancellation);
            listed.AddRange((await answer.Content.ReadFromJsonAsync<List<JsonElement>>(Cancellation))!.Select(command => command.Id()));
            next = answer.Headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : null;
            Assert.True(page < 3);
        }

        Assert.Equal(given, listed);
        Assert.Empty(await ListAsync(provisioned, "?state=sent"));
        foreach (var wrong in new[] { "?state=lost", "?state=", "?limit=0", "?limit=1001", "?cursor=x" })
        {
            await Envelope.AssertAsync(await _operator.GetAsync($"/devices/{provisioned.device_id}/commands{wrong}", Cancellation), 400, "bad_request");
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"name\": \"\"}")]
    [InlineData("{\"name\": \"a/b\"}")]
    [InlineData("{\"name\": \"#\"}")]
    [InlineData("{\"name\": \"a\\n\"}")]
    [InlineData("{\"name\": \"a\", \"expires_in_seconds\": 0}")]
    [InlineData("{\"name\": \"a\", \"expires_in_seconds\": 604801}")]
    [InlineData("{\"name\": \"a\", \"payload\": \"\\ud800\"}")]
    [InlineData("{\"name\": \"a\", \"payload\": {\"x\": [\"\\udc00\"]}}")]
    [InlineData("{\"name\": \"a\", \"payload\": {\"x\": 1, \"x\": 2}}")]
    public async Task What_is_no_command_is_400(string body)
    {
        var provisioned = await ProvisionAsync();
        await Envelope.AssertAsync(
            await _operator.PostAsync($"/devices/{provisioned.device_id}/commands", new StringContent(body, null, "application/json"), Cancellation),
            400, "bad_request");
    }

    [Fact]
    public async Task A_payload_may_be_any_JSON_up_to_64_KiB()
    {
        var provisioned = await ProvisionAsync();
        using var device = await MqttDevice.ConnectAsync(_host, provisioned);
        await device.SubscribeAsync();
        foreach (var payload in new[] { "null", "0", "[]", "\"\\u0000\"", "1e999", "\"" + new string('x', 65_534) + "\"" })
        {
            var answer = await _operator.PostAsync(
                $"/devices/{provisioned.device_id}/commands", new StringContent($$"""{"name":"c","payload":{{payload}}}""", null, "application/json"), Cancellation);
            Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
            var id = (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation)).Id();
            await Eventually.TrueAsync(() => Task.FromResult(device.Commands.Any(command => command.GetProperty("id").GetGuid() == id)));
            Assert.Equal(payload, device.Commands[^1].GetProperty("payload").GetRawText());
            Assert.Equal(payload, (await _operator.ViewAsync(provisioned.device_id, id)).GetProperty("payload").GetRawText());
        }

        await Envelope.AssertAsync(
            await _operator.PostCommandAsync(provisioned.device_id, new { name = "c", payload = new string('x', 65_535) }), 400, "bad_request");
    }

    [Fact]
    public async Task Nobody_reaches_another_tenants_device_or_commands()
    {
        var provisioned = await ProvisionAsync();
        var given = await _operator.CommandAsync(provisioned.device_id, new { name = "mine" });
        var stranger = _host.Operator(Guid.CreateVersion7());
        var theirs = await ProvisionAsync(Guid.CreateVersion7());
        await Envelope.AssertAsync(await stranger.PostCommandAsync(provisioned.device_id, new { name = "theirs" }), 404, "not_found");
        foreach (var (client, path) in new[]
        {
            (stranger, $"/devices/{provisioned.device_id}/commands"),
            (stranger, $"/devices/{provisioned.device_id}/commands/{given.Id()}"),
            (_operator, $"/devices/{theirs.device_id}/commands"),
            (_operator, $"/devices/{theirs.device_id}/commands/{given.Id()}"),
            (_operator, $"/devices/{provisioned.device_id}/commands/{Guid.CreateVersion7()}"),
            (_operator, $"/devices/{provisioned.device_id}/commands/x"),
        })
        {
            await Envelope.AssertAsync(await client.GetAsync(path, Cancellation), 404, "not_found");
        }

        // Whoever has the device later sees none of it, and neither does who had it.
        await _host.ScalarAsync<object>("UPDATE devices SET tenant_id = $1 WHERE id = $2", theirs.tenant_id, provisioned.device_id);
        var later = _host.Operator(theirs.tenant_id);
        Assert.Empty(await later.GetFromJsonAsync<JsonElement[]>($"/devices/{provisioned.device_id}/commands", Cancellation) ?? []);
        await Envelope.AssertAsync(await later.GetAsync($"/devices/{provisioned.device_id}/commands/{given.Id()}", Cancellation), 404, "not_found");
        await Envelope.AssertAsync(await _operator.GetAsync($"/devices/{provisioned.device_id}/commands/{given.Id()}", Cancellation), 404, "not_found");
    }

    [Fact]
    public async Task Reading_and_commanding_have_permissions_of_their_own()
    {
        var provisioned = await ProvisionAsync();
        var (reader, writer) = (_host.As(_tenant, permissions: ["devices:read"]), _host.As(_tenant, permissions: ["devices:write"]));
        await Envelope.AssertAsync(await reader.PostCommandAsync(provisioned.device_id, new { name = "c" }), 403, "forbidden");
        var given = await writer.CommandAsync(provisioned.device_id, new { name = "c" });
        await Envelope.AssertAsync(await writer.GetAsync($"/devices/{provisioned.device_id}/commands", Cancellation), 403, "forbidden");
        await Envelope.AssertAsync(await writer.GetAsync($"/devices/{provisioned.device_id}/commands/{given.Id()}", Cancellation), 403, "forbidden");
        Assert.Equal(given.Id(), (await reader.ViewAsync(provisioned.device_id, given.Id())).Id());
    }

    private Task<ProvisionedDevice> ProvisionAsync(Guid? tenant = null) => _host.Installer(tenant ?? _tenant).ProvisionAsync();

    private async Task<JsonElement[]> ListAsync(ProvisionedDevice device, string query = "") =>
        await _operator.GetFromJsonAsync<JsonElement[]>($"/devices/{device.device_id}/commands{query}", Cancellation) ?? [];

    private Task<long> DueAsync(ProvisionedDevice device) =>
        _host.ScalarAsync<long>("SELECT sum(due) FROM commands WHERE device_id = $1", device.device_id);

    private static async Task<JsonElement> FirstAsync(MqttDevice device)
    {
        await Eventually.TrueAsync(() => Task.FromResult(!device.Received.IsEmpty));
        return device.Commands[0];
    }

    private async Task<JsonElement> IsAsync(JsonElement command, string state)
    {
        JsonElement view = default;
        await Eventually.TrueAsync(async () =>
        {
            view = await _operator.ViewAsync(command.GetProperty("device_id").GetGuid(), command.Id());
            var now = view.GetProperty("state").GetString();
            return now == state ? true : throw new InvalidOperationException($"It is {now}");
        });
        return view;
    }

    private Task<AuditRecorded> ToldAsync(JsonElement command, string type) => _host.Events.ExpectAsync<AuditRecorded>(
        e => e.EventType == type && e.Metadata!.Value.GetProperty("command_id").GetGuid() == command.Id());
}
