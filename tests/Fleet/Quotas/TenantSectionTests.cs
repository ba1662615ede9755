using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Fleet.Tests.Devices;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests.Quotas;

/// <summary>The contract's section on tenants, as the operator and a tenant call it.</summary>
public sealed class TenantSectionTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_new_tenants_quotas_are_the_contracts_and_any_subset_of_them_can_be_changed()
    {
        var tenant = await Tenant.RegisterAsync();
        var path = $"/api/v1/tenants/{tenant.Id}/quotas";
        var quotas = (await Tenant.ReadAsync(await Tenant.OperateAsync(HttpMethod.Get, path), 200)).GetRawText();
        Assert.Equal(
            $$"""{"tenant_id":"{{tenant.Id}}","plan_type":"starter","billing_cycle":"monthly","quota_devices":0,"quota_msgs_per_min":360,"quota_storage_mb":1000,"allow_overage":false}""",
            quotas);

        var changed = await tenant.SetQuotasAsync(new { quota_devices = 7, billing_cycle = "annual" });
        Assert.Equal(quotas.Replace("\"quota_devices\":0", "\"quota_devices\":7", StringComparison.Ordinal).Replace("monthly", "annual", StringComparison.Ordinal), changed.GetRawText());

        using var wrong = await tenant.TrySetQuotasAsync(new { quota_devices = -1, plan_type = "gold", quota_storage_mb = "many" });
        var details = (await Envelope.AssertAsync(wrong, 400, "bad_request")).GetProperty("details");
        Assert.Contains("quota_storage_mb", details.EnumerateObject().Select(field => field.Name));
        Assert.Equal(changed.GetRawText(), (await Tenant.ReadAsync(await Tenant.OperateAsync(HttpMethod.Get, path), 200)).GetRawText());

        // A tenant's own admin neither reads nor changes them there.
        Assert.Equal(HttpStatusCode.Forbidden, (await tenant.GetAsync(path)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await tenant.SendAsync(HttpMethod.Patch, path, JsonContent.Create(new { quota_devices = 0 }))).StatusCode);
    }

    [Fact]
    public async Task A_change_is_in_the_audit_with_what_was_before_and_after()
    {
        var tenant = await Tenant.RegisterAsync();
        await tenant.SetQuotasAsync(new { quota_devices = 3 });
        var entry = Assert.Single(await Eventually.GetAsync(async () => await AuditedAsync(tenant, "quota.updated") is { Count: > 0 } found ? found : null));
        Assert.Equal("0 → 3", $"{Of("before")} → {Of("after")}");

        int Of(string when) => entry.GetProperty("metadata").GetProperty(when).GetProperty("quota_devices").GetInt32();
    }

    [Fact]
    public async Task Two_hundred_provisions_at_once_and_claims_stay_within_the_quota_and_reset_and_delete_give_back()
    {
        var tenant = await Tenant.RegisterAsync();
        await tenant.SetQuotasAsync(new { quota_devices = 50 });
        await EnforcedAsync(tenant, 50);
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => tenant.PostAsync("/api/v1/devices/provision", new { })));
        Assert.Equal(50, answers.Count(answer => answer.StatusCode == HttpStatusCode.Created));
        var refused = answers.First(answer => answer.StatusCode != HttpStatusCode.Created);
        Assert.Equal(
            """{"limit":"devices","max":50,"used":50,"window_seconds":0}""",
            (await Envelope.AssertAsync(refused, 429, "quota_exceeded")).GetProperty("details").GetRawText());
        Assert.Equal(TimeSpan.FromHours(1), refused.Headers.RetryAfter!.Delta);

        var made = await Factory.MakeAsync();
        await Envelope.AssertAsync(await tenant.TryClaimAsync(made), 429, "quota_exceeded");
        var devices = (await tenant.ReadAsync(HttpMethod.Get, "/api/v1/devices")).EnumerateArray().Select(device => device.GetProperty("device_id").GetGuid()).ToArray();
        Assert.True((await tenant.DeleteAsync($"/api/v1/devices/{devices[0]}")).IsSuccessStatusCode);
        await tenant.ClaimAsync(made);
        await Envelope.AssertAsync(await tenant.PostAsync("/api/v1/devices/provision", new { }), 429, "quota_exceeded");
        Assert.True((await tenant.PostAsync("/api/v1/devices/reset", new { device_id = made.Id, confirmation = "RESET" })).IsSuccessStatusCode);
        await tenant.ProvisionAsync();

        // The tenant is told once of either mark, and can see where it stands.
        await Eventually.TrueAsync(async () => (await AuditedAsync(tenant, "quota.devices_exceeded")).Count == 1);
        await Eventually.TrueAsync(async () => (await AuditedAsync(tenant, "quota.devices_warning")).Count == 1);
        await Eventually.TrueAsync(async () => (await QuotaDevice.LimitOfTenantAsync(tenant, "devices")).GetProperty("used").GetInt64() == 50);
        Assert.Equal("blocked", (await QuotaDevice.LimitOfTenantAsync(tenant, "devices")).GetProperty("state").GetString());
    }

    [Fact]
    public async Task Usage_is_what_was_sent_and_makes_the_months_snapshot()
    {
        var tenant = await Tenant.RegisterAsync();
        await using var device = await QuotaDevice.ConnectAsync(tenant);
        await device.PublishAsync("""[{"value": 1}, {"value": 2}]""");
        for (var i = 0; i < 4; i++)
        {
            await device.PublishAsync("""{"value": 1}""");
        }

        var usage = await Eventually.GetAsync(async () =>
        {
            var told = await Tenant.ReadAsync(await Tenant.OperateAsync(HttpMethod.Get, $"/api/v1/tenants/{tenant.Id}/usage"), 200);
            return told.GetProperty("messages_last_60min").GetInt64() >= 5 && told.GetProperty("devices_total").GetInt64() == 1 ? told.GetRawText() : null;
        });
        Assert.Equal(
            ["tenant_id", "messages_last_60min", "devices_total", "storage_mb_estimated", "plan_type", "billing_cycle"],
            JsonSerializer.Deserialize<JsonElement>(usage).EnumerateObject().Select(field => field.Name));
        var snapshots = await Tenant.ReadAsync(await Tenant.OperateAsync(HttpMethod.Get, $"/api/v1/tenants/{tenant.Id}/snapshots"), 200);
        Assert.Equal($"{DateTime.UtcNow:yyyy-MM}", Assert.Single(snapshots.EnumerateArray()).GetProperty("period").GetString());
        await Eventually.TrueAsync(async () => (await AuditedAsync(tenant, "billing.snapshot_generated")).Count == 1);

        var own = await tenant.ReadAsync(HttpMethod.Get, "/api/v1/tenants/me/usage?meter=messages");
        Assert.Equal(5, Assert.Single(own.GetProperty("meters").EnumerateArray()).GetProperty("total").GetInt64());
    }

    private static async Task<List<JsonElement>> AuditedAsync(Tenant tenant, string type) =>
        [.. (await tenant.ReadAsync(HttpMethod.Get, $"/api/v1/audit?event_type={type}")).EnumerateArray()];

    private static async Task EnforcedAsync(Tenant tenant, int devices)
    {
        await using var platform = Fleet.Devices();
        await Eventually.TrueAsync(async () =>
        {
            await using var heard = platform.CreateCommand("SELECT quota_devices FROM tenant_quotas WHERE tenant_id = $1");
            heard.Parameters.Add(new() { Value = tenant.Id });
            return await heard.ExecuteScalarAsync(Cancellation) is int max && max == devices;
        });
    }
}
