using System.Net;
using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.BillingQuota;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A device becomes a tenant's.</summary>
public sealed class ClaimTests(DevicesHost host)
{
    private const string Wrong = "0000-0000-0000-0000";
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly Guid _user = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_device_is_the_tenants_and_everybody_hears_of_it()
    {
        var label = Calls.NewLabel();
        var device = await host.MakeDeviceAsync(label);
        using var answer = await host.Installer(_tenant, _user, "ana@example.com").PostClaimAsync(new { device.device_id, device.claim_code });
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal($$"""{"device_id":"{{device.device_id}}","message":"Device was claimed"}""", await answer.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(
            "claimed|t|" + label,
            await host.ScalarAsync<string>(
                "SELECT concat_ws('|', status, claimed_at IS NOT NULL, device_label) FROM devices WHERE id = $1 AND tenant_id = $2 AND owner_user_id = $3",
                device.device_id,
                _tenant,
                _user));
        Assert.True(await host.ScalarAsync<bool>(
            "SELECT delivered_at IS NULL AND delivery_until BETWEEN now() + interval '4 minutes' AND now() + interval '6 minutes' FROM registry WHERE device_id = $1",
            device.device_id));

        var changed = await host.Events.ExpectAsync<DeviceChanged>(e => e.DeviceId == device.device_id && e.Status == DeviceStatus.Claimed);
        Assert.Equal((_tenant, label), (changed.TenantId!.Value, changed.DeviceLabel));
        Assert.Equal(changed.Version, (await host.StateAsync(device.device_id)).GetProperty("version").GetInt64());
        var registered = await host.Events.ExpectAsync<DeviceRegistered>(e => e.DeviceId == device.device_id);
        Assert.Equal(("claim", _user, "ana@example.com", label), (registered.Source, registered.UserId!.Value, registered.UserEmail, registered.DeviceLabel));
        var audit = await host.Events.ExpectAsync<AuditRecorded>(e => e.DeviceId == device.device_id);
        Assert.Equal(("device.claimed", "claim", "success", _tenant), (audit.EventType, audit.Action, audit.Result, audit.TenantId!.Value));
    }

    [Fact]
    public async Task By_hardware_id_with_a_code_as_people_type_it()
    {
        var device = await host.MakeDeviceAsync();
        var typed = $" {device.claim_code!.ToLowerInvariant().Replace('-', ' ').Replace('0', 'o').Replace('1', 'l')} ";
        using var answer = await host.Installer(_tenant).PostClaimAsync(new { device.hardware_id, claim_code = typed });
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.StartsWith("device-", await host.ScalarAsync<string>("SELECT device_label FROM devices WHERE id = $1", device.device_id), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_factory_label_that_somebody_has_by_now_is_replaced()
    {
        var label = Calls.NewLabel();
        var device = await host.MakeDeviceAsync(label);
        await host.UnclaimAsync(device.device_id);
        await host.Installer(Guid.CreateVersion7()).ProvisionAsync(label);
        await host.Installer(_tenant).ClaimAsync(device);
        Assert.StartsWith("device-", await host.ScalarAsync<string>("SELECT device_label FROM devices WHERE id = $1", device.device_id), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_claimed_says_why()
    {
        var client = host.Installer(_tenant);
        await Envelope.AssertAsync(await client.PostClaimAsync(new { device_id = Guid.CreateVersion7(), claim_code = Wrong }), 404, "not_found");
        await Envelope.AssertAsync(await client.PostClaimAsync(new { hardware_id = Factory.NewHardwareId(), claim_code = Wrong }), 404, "not_found");

        // Another tenant's, with the very code.
        var theirs = await host.ClaimedAsync(Guid.CreateVersion7());
        var envelope = await Envelope.AssertAsync(await client.PostClaimAsync(new { theirs.device_id, theirs.claim_code }), 409, "conflict");
        Assert.Equal("Device is already claimed", envelope.GetProperty("message").GetString());

        var codeless = await host.MakeDeviceAsync();
        await host.ScalarAsync<object>("UPDATE registry SET claim_code_sha256 = NULL WHERE device_id = $1", codeless.device_id);
        envelope = await Envelope.AssertAsync(await client.PostClaimAsync(new { codeless.device_id, codeless.claim_code }), 409, "conflict");
        Assert.Equal("Device has no claim code", envelope.GetProperty("message").GetString());

        var revoked = await host.MakeDeviceAsync();
        await host.ScalarAsync<object>("UPDATE devices SET status = 'revoked' WHERE id = $1", revoked.device_id);
        envelope = await Envelope.AssertAsync(await client.PostClaimAsync(new { revoked.device_id, revoked.claim_code }), 409, "conflict");
        Assert.Equal("Device is revoked", envelope.GetProperty("message").GetString());
    }

    [Theory]
    [InlineData("{\"claim_code\":\"x\"}", "device_id")]
    [InlineData("{\"claim_code\":\"x\",\"device_id\":\"019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70\",\"hardware_id\":\"T\"}", "device_id")]
    [InlineData("{\"claim_code\":\"x\",\"device_id\":\"no-id\"}", "device_id")]
    [InlineData("{\"claim_code\":\"x\",\"hardware_id\":\"sixteen or more.\"}", "hardware_id")]
    [InlineData("{\"device_id\":\"019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70\"}", "claim_code")]
    public async Task A_body_that_does_not_say_enough_is_400(string body, string field)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var answer = await host.Installer(_tenant).PostAsync("/devices/claim", content, Cancellation);
        Assert.True((await Envelope.AssertAsync(answer, 400, "bad_request")).GetProperty("details").TryGetProperty(field, out _));
    }

    [Fact]
    public async Task Only_who_provisions_may_and_a_super_admin_names_the_tenant()
    {
        var device = await host.MakeDeviceAsync();
        await Envelope.AssertAsync(await host.As(_tenant, permissions: "devices:read").PostClaimAsync(new { device.device_id, device.claim_code }), 403, "forbidden");
        await Envelope.AssertAsync(await host.Anonymous().PostClaimAsync(new { device.device_id, device.claim_code }), 401, "unauthorized");
        await Envelope.AssertAsync(await host.SuperAdmin().PostClaimAsync(new { device.device_id, device.claim_code }), 400, "bad_request");
        await host.KnowAsync(_tenant);
        using var answer = await host.SuperAdmin().PostAsync(
            $"/devices/claim?tenant_id={_tenant}", System.Net.Http.Json.JsonContent.Create(new { device.device_id, device.claim_code }), Cancellation);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True(await host.ScalarAsync<bool>("SELECT owner_user_id IS NULL FROM devices WHERE id = $1 AND tenant_id = $2", device.device_id, _tenant));
    }

    [Fact]
    public async Task Of_many_claims_at_once_exactly_one_wins()
    {
        var device = await host.MakeDeviceAsync();
        var tenants = Enumerable.Range(0, 20).Select(_ => Guid.CreateVersion7()).ToArray();
        var answers = await Task.WhenAll(tenants.Select(tenant => host.Installer(tenant).PostClaimAsync(new { device.device_id, device.claim_code })));
        Assert.Equal(1, answers.Count(a => a.StatusCode == HttpStatusCode.OK));
        Assert.Equal(19, answers.Count(a => a.StatusCode == HttpStatusCode.Conflict));
        var winner = tenants[Array.FindIndex(answers, a => a.StatusCode == HttpStatusCode.OK)];
        Assert.Equal(winner, await host.ScalarAsync<Guid>("SELECT tenant_id FROM devices WHERE id = $1", device.device_id));
    }

    [Fact]
    public async Task The_quota_holds_for_claims_and_provisions_together()
    {
        await host.Events.PublishAsync(Quota(2));
        await Eventually.TrueAsync(async () => await host.ScalarAsync<long>("SELECT version FROM tenant_quotas WHERE tenant_id = $1", _tenant) == 1);
        await host.Installer(_tenant).ProvisionAsync();
        var devices = new[] { await host.MakeDeviceAsync(), await host.MakeDeviceAsync(), await host.MakeDeviceAsync() };
        var answers = await Task.WhenAll(devices.Select(d => host.Installer(_tenant).PostClaimAsync(new { d.device_id, d.claim_code })));
        Assert.Equal(1, answers.Count(a => a.StatusCode == HttpStatusCode.OK));
        foreach (var refused in answers.Where(a => a.StatusCode != HttpStatusCode.OK))
        {
            var details = (await Envelope.AssertAsync(refused, 429, "quota_exceeded")).GetProperty("details");
            Assert.Equal("""{"limit":"devices","max":2,"used":2,"window_seconds":0}""", details.GetRawText());
            Assert.Equal(TimeSpan.FromHours(1), refused.Headers.RetryAfter!.Delta);
        }
    }

    private TenantQuotaChanged Quota(int devices) => new()
    {
        OccurredAt = DateTimeOffset.UtcNow,
        TenantId = _tenant,
        PlanType = "starter",
        BillingCycle = "monthly",
        QuotaDevices = devices,
        QuotaMsgsPerMin = 360,
        QuotaStorageMb = 1000,
        AllowOverage = false,
        Version = 1,
    };
}
