using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.BillingQuota;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A device goes back to being nobody's.</summary>
public sealed class ResetTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private HttpClient Client => host.Admin(_tenant);

    [Fact]
    public async Task Nothing_of_its_tenant_stays_with_it()
    {
        var device = await Client.ProvisionAsync(Calls.NewLabel());
        Assert.Equal("allow", await host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret));
        var factory = await FromFactoryAsync(device.device_id);
        await Client.PatchAsync(device.device_id, new { metadata = new { secret = "recipe" }, tags = new[] { "hall-3" } }).OkAsync();
        await host.ScalarAsync<int>(
            "UPDATE devices SET last_seen_at = now(), last_ip = '192.0.2.9', reported = 'online', reported_at = now(), model = 'PT-100' WHERE id = $1",
            device.device_id);
        await CommandAsync(device.device_id, "queued");
        await CommandAsync(device.device_id, "sent");
        await CommandAsync(device.device_id, "acknowledged");
        await host.ScalarAsync<int>("INSERT INTO claim_attempts VALUES ($1, $2, 4, now())", _tenant, device.device_id);

        var answer = await Client.ResetAsync(device.device_id).OkAsync();
        Assert.Equal(["status", "message"], answer.EnumerateObject().Select(p => p.Name));
        Assert.Equal("ok", answer.GetProperty("status").GetString());

        Assert.Equal("deny", await host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret));
        Assert.Equal(1, await host.SessionEndsAsync(device.device_id));
        Assert.Equal(_tenant, await host.ScalarAsync<Guid>("SELECT tenant_id FROM owed_ends WHERE device_id = $1", device.device_id));
        var row = JsonSerializer.Deserialize<JsonElement>((await host.ScalarAsync<string>("SELECT to_jsonb(d)::text FROM devices d WHERE id = $1", device.device_id))!);
        Assert.Equal(("unclaimed", factory, "PT-100"), (row.GetProperty("status").GetString(), row.GetProperty("device_label").GetString(), row.GetProperty("model").GetString()));
        Assert.Equal(("{}", "[]"), (row.GetProperty("metadata").GetRawText(), row.GetProperty("tags").GetRawText()));
        foreach (var name in new[] { "tenant_id", "owner_user_id", "claimed_at", "activated_at", "last_seen_at", "last_ip", "reported", "reported_at" })
        {
            Assert.Equal((name, JsonValueKind.Null), (name, row.GetProperty(name).ValueKind));
        }

        Assert.Equal(0L, await host.ScalarAsync<long>("SELECT count(*) FROM credentials WHERE device_id = $1", device.device_id));
        Assert.Equal(0L, await host.ScalarAsync<long>("SELECT count(*) FROM claim_attempts WHERE device_id = $1", device.device_id));
        Assert.True(await host.ScalarAsync<bool>(
            "SELECT delivery_until IS NULL AND delivered_at IS NULL AND claim_code_sha256 IS NOT NULL FROM registry WHERE device_id = $1", device.device_id));
        Assert.Equal("acknowledged failed:device was reset failed:device was reset", await host.ScalarAsync<string>(
            "SELECT string_agg(concat_ws(':', state, error), ' ' ORDER BY state) FROM commands WHERE device_id = $1 AND finished_at IS NOT NULL OR device_id = $1 AND state = 'acknowledged'",
            device.device_id));

        var told = await host.Events.ExpectAsync<DeviceChanged>(e => e.DeviceId == device.device_id && e.Status == DeviceStatus.Unclaimed);
        Assert.Equal((null, factory), (told.TenantId, told.DeviceLabel));
        var audit = await host.Events.ExpectAsync<AuditRecorded>(e => e.DeviceId == device.device_id && e.EventType == "device.reset");
        Assert.Equal((_tenant, "reset", "success"), (audit.TenantId!.Value, audit.Action, audit.Result));
        Assert.Equal(device.device_label, audit.Metadata!.Value.GetProperty("device_label").GetString());
        Assert.Single(host.Events.All<DeviceRegistered>(e => e.DeviceId == device.device_id));
        await Envelope.AssertAsync(await Client.GetAsync($"/devices/{device.device_id}", Cancellation), 404, "not_found");
        await Envelope.AssertAsync(await Client.ResetAsync(device.device_id), 404, "not_found");
    }

    [Fact]
    public async Task A_factory_label_that_another_has_by_now_is_not_given_back()
    {
        var device = await Client.ProvisionAsync();
        var factory = await FromFactoryAsync(device.device_id);
        await Client.PatchAsync(device.device_id, new { device_label = Calls.NewLabel() }).OkAsync();
        await host.Admin(Guid.CreateVersion7()).ProvisionAsync(factory);
        await Client.ResetAsync(device.device_id).OkAsync();
        Assert.True(await host.ScalarAsync<bool>("SELECT device_label IS NULL AND tenant_id IS NULL FROM devices WHERE id = $1", device.device_id));
        Assert.Equal(1, await host.SessionEndsAsync(device.device_id));
    }

    [Fact]
    public async Task A_device_without_a_factory_label_has_none_again()
    {
        var device = await Client.ProvisionAsync(Calls.NewLabel());
        await Client.ResetAsync(device.device_id).OkAsync();
        Assert.Equal(JsonValueKind.Null, (await host.StateAsync(device.device_id)).GetProperty("device_label").ValueKind);
        await Client.ProvisionAsync(device.device_label);
    }

    [Fact]
    public async Task A_tenant_user_resets_only_what_it_owns()
    {
        var (mine, theirs) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var (device, another) = (await host.User(_tenant, mine).ProvisionAsync(), await host.User(_tenant, theirs).ProvisionAsync());
        await Envelope.AssertAsync(await host.User(_tenant, mine).ResetAsync(another.device_id), 404, "not_found");
        Assert.Equal("claimed", (await host.StateAsync(another.device_id)).GetProperty("status").GetString());
        await host.User(_tenant, mine).ResetAsync(device.device_id).OkAsync();
        await Client.ResetAsync(another.device_id).OkAsync();
    }

    [Theory]
    [InlineData(null, "confirmation")]
    [InlineData("", "confirmation")]
    [InlineData("reset", "confirmation")]
    [InlineData("yes", "confirmation")]
    public async Task Without_the_word_nothing_is_reset(string? confirmation, string field)
    {
        var device = await Client.ProvisionAsync();
        var envelope = await Envelope.AssertAsync(await Client.ResetAsync(device.device_id, confirmation), 400, "bad_request");
        Assert.Equal([field], envelope.GetProperty("details").EnumerateObject().Select(p => p.Name));
        Assert.Equal("allow", await host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret));
    }

    [Theory]
    [InlineData("""{"confirmation": "RESET"}""")]
    [InlineData("""{"device_id": "pump-7", "confirmation": "RESET"}""")]
    [InlineData("{")]
    public async Task What_is_no_device_is_400(string body)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        await Envelope.AssertAsync(await Client.PostAsync("/devices/reset", content, Cancellation), 400, "bad_request");
    }

    [Fact]
    public async Task Of_many_at_once_one_resets()
    {
        var device = await Client.ProvisionAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Client.ResetAsync(device.device_id)));
        Assert.Single(answers, a => a.StatusCode == HttpStatusCode.OK);
        Assert.Equal(7, answers.Count(a => a.StatusCode == HttpStatusCode.NotFound));
        Assert.Equal(1, await host.SessionEndsAsync(device.device_id));
    }

    [Fact]
    public async Task Reset_and_deletion_give_the_quota_back()
    {
        await host.Events.PublishAsync(new TenantQuotaChanged
        {
            OccurredAt = DateTimeOffset.UtcNow,
            TenantId = _tenant,
            PlanType = "starter",
            BillingCycle = "monthly",
            QuotaDevices = 2,
            QuotaMsgsPerMin = 360,
            QuotaStorageMb = 1000,
            AllowOverage = false,
            Version = 1,
        });
        await Eventually.TrueAsync(async () => await host.ScalarAsync<int>("SELECT quota_devices FROM tenant_quotas WHERE tenant_id = $1", _tenant) == 2);
        var (first, second) = (await Client.ProvisionAsync(), await Client.ProvisionAsync());
        await FullAsync();
        await Client.ActAsync(first.device_id, "suspend").OkAsync();
        await Client.ActAsync(first.device_id, "revoke").OkAsync();
        await FullAsync();
        using (await Client.DeleteAsync(first.device_id))
        {
            await Client.ProvisionAsync();
        }

        await FullAsync();
        await Client.ResetAsync(second.device_id).OkAsync();
        await Client.ProvisionAsync();
        await FullAsync();

        async Task FullAsync()
        {
            using var answer = await Client.PostProvisionAsync();
            await Envelope.AssertAsync(answer, 429, "quota_exceeded");
        }
    }

    private async Task<string> FromFactoryAsync(Guid device)
    {
        var label = $"factory-{Guid.NewGuid().ToString("N")[..8]}";
        await host.ScalarAsync<int>(
            """
            INSERT INTO registry (device_id, claim_code_sha256, factory_label, imported_at, delivery_until, delivered_at)
            VALUES ($1, sha256('code'), $2, now(), now(), now())
            """,
            device, label);
        return label;
    }

    private Task<int> CommandAsync(Guid device, string state) => host.ScalarAsync<int>(
        """
        INSERT INTO commands (id, tenant_id, device_id, name, state, created_at, expires_at)
        VALUES (gen_random_uuid(), $1, $2, 'reboot', $3, now(), now() + interval '1 hour')
        """,
        _tenant, device, state);
}
