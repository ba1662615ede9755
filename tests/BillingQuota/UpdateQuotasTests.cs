using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Hosting;

namespace EasySmart.BillingQuota.Tests;

/// <summary><c>PATCH /tenants/{tenant_id}/quotas</c>.</summary>
public sealed class UpdateQuotasTests(BillingHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("plan_type", "\"pro\"")]
    [InlineData("billing_cycle", "\"annual\"")]
    [InlineData("quota_devices", "50")]
    [InlineData("quota_msgs_per_min", "0")]
    [InlineData("quota_storage_mb", "1000000000")]
    [InlineData("allow_overage", "true")]
    public async Task Any_field_alone_is_changed_answered_kept_and_told(string field, string value)
    {
        var tenant = await host.NewTenantAsync();
        var answer = await host.ChangeAsync(tenant, $$"""{"{{field}}": {{value}}}""");
        Assert.Equal(value, answer.GetProperty(field).GetRawText());
        Assert.Equal(
            ["tenant_id", "plan_type", "billing_cycle", "quota_devices", "quota_msgs_per_min", "quota_storage_mb", "allow_overage"],
            answer.EnumerateObject().Select(one => one.Name));
        Assert.Equal(answer.GetRawText(), (await host.QuotasAsync(tenant)).GetRawText());

        await host.PublishedAsync(tenant, times: 2);
        var (before, after) = (host.Published(tenant)[0], host.Published(tenant)[1]);
        Assert.True(after.Version > before.Version);
        Assert.Equal(
            (answer.GetProperty("plan_type").GetString(), answer.GetProperty("billing_cycle").GetString(), answer.GetProperty("quota_devices").GetInt32()),
            (after.PlanType, after.BillingCycle, after.QuotaDevices));
        Assert.Equal(
            (answer.GetProperty("quota_msgs_per_min").GetInt32(), answer.GetProperty("quota_storage_mb").GetInt32(), answer.GetProperty("allow_overage").GetBoolean()),
            (after.QuotaMsgsPerMin, after.QuotaStorageMb, after.AllowOverage));
        Assert.Equal((false, 0L), (after.StorageBlocked, after.StorageBytes));
    }

    [Fact]
    public async Task A_plan_moves_what_is_not_the_tenants_own_and_null_gives_the_plans_back()
    {
        var tenant = await host.NewTenantAsync("""{"quota_msgs_per_min": 42, "retention_days": 7}""");
        var pro = await host.ChangeAsync(tenant, """{"plan_type": "pro"}""");
        Assert.Equal(("pro", 42, 50000), Said(pro));
        await host.PublishedAsync(tenant, times: 3);
        Assert.Equal(7, host.Published(tenant)[^1].RetentionDays);

        Assert.Equal(("pro", 3600, 50000), Said(await host.ChangeAsync(tenant, """{"quota_msgs_per_min": null, "retention_days": null}""")));
        await host.PublishedAsync(tenant, times: 4);
        Assert.Equal(365, host.Published(tenant)[^1].RetentionDays);
        Assert.Equal(("starter", 360, 1000), Said(await host.ChangeAsync(tenant, """{"plan_type": "starter"}""")));

        static (string?, int, int) Said(JsonElement quotas) => (
            quotas.GetProperty("plan_type").GetString(), quotas.GetProperty("quota_msgs_per_min").GetInt32(), quotas.GetProperty("quota_storage_mb").GetInt32());
    }

    [Fact]
    public async Task The_audit_says_who_changed_what_from_what()
    {
        var (tenant, user) = (await host.NewTenantAsync(), Guid.CreateVersion7());
        var client = host.As(null, user, role: "super_admin", permissions: "system:admin");
        using var answer = await client.PatchAsync($"/tenants/{tenant}/quotas", """{"plan_type": "enterprise", "quota_devices": 9}""");
        var audit = await host.Others.ExpectAsync<AuditRecorded>(e => e.EventType == "quota.updated" && e.TenantId == tenant);
        Assert.Equal(("billing", "update", "success", "user", (Guid?)user), (audit.EventCategory, audit.Action, audit.Result, audit.ActorType, audit.UserId));
        Assert.Equal(("tenant", tenant.ToString()), (audit.ResourceType, audit.ResourceId));
        Assert.Equal(answer.Headers.GetValues("X-Request-ID").Single(), audit.RequestId);
        var (before, after) = (audit.Metadata!.Value.GetProperty("before"), audit.Metadata!.Value.GetProperty("after"));
        Assert.Equal(("starter", 0, 90), (before.GetProperty("plan_type").GetString(), before.GetProperty("quota_devices").GetInt32(), before.GetProperty("retention_days").GetInt32()));
        Assert.Equal(("enterprise", 9, 730), (after.GetProperty("plan_type").GetString(), after.GetProperty("quota_devices").GetInt32(), after.GetProperty("retention_days").GetInt32()));
        Assert.Equal(9, after.GetProperty("own").GetProperty("quota_devices").GetInt32());
        Assert.Equal(JsonValueKind.Null, after.GetProperty("own").GetProperty("quota_storage_mb").ValueKind);
    }

    [Fact]
    public async Task What_changes_nothing_tells_nobody_and_what_only_becomes_the_tenants_own_is_audited()
    {
        var tenant = await host.NewTenantAsync();
        await host.ChangeAsync(tenant, "{}");
        await host.ChangeAsync(tenant, """{"plan_type": "starter", "quota_devices": null}""");
        // The plan's value as the tenant's own: the same is in force.
        await host.ChangeAsync(tenant, """{"quota_devices": 0}""");
        await host.ChangeAsync(tenant, """{"quota_devices": 0}""");
        // Events of a tenant come in their order: after this one's, the others' would have come.
        await host.ChangeAsync(tenant, """{"quota_devices": 3}""");
        await Eventually.TrueAsync(() => Task.FromResult(host.Published(tenant).Any(e => e.QuotaDevices == 3)));
        Assert.Equal(2, host.Published(tenant).Count);
        Assert.Equal(2, host.Others.All<AuditRecorded>(e => e.EventType == "quota.updated" && e.TenantId == tenant).Count);
    }

    [Fact]
    public async Task Changes_at_once_are_all_kept()
    {
        var tenant = await host.NewTenantAsync();
        string[] changes =
        [
            """{"plan_type": "enterprise"}""", """{"billing_cycle": "annual"}""", """{"quota_devices": 11}""", """{"quota_msgs_per_min": 12}""",
            """{"quota_storage_mb": 13}""", """{"allow_overage": false}""",
        ];
        await Task.WhenAll(changes.Concat(changes).Concat(changes).Select(change => host.ChangeAsync(tenant, change)));
        Assert.Equal(
            $$"""
            {"tenant_id":"{{tenant}}","plan_type":"enterprise","billing_cycle":"annual","quota_devices":11,"quota_msgs_per_min":12,"quota_storage_mb":13,"allow_overage":false}
            """,
            (await host.QuotasAsync(tenant)).GetRawText());
        var version = await host.ReadAsync<long>("billing_system", "SELECT version FROM tenant_plans WHERE tenant_id = $1", tenant);
        await Eventually.TrueAsync(() => Task.FromResult(host.Published(tenant).Any(e => e.Version == version)));
        var last = host.Published(tenant).Single(e => e.Version == version);
        Assert.Equal(("enterprise", "annual", 11, 12, 13, false), (last.PlanType, last.BillingCycle, last.QuotaDevices, last.QuotaMsgsPerMin, last.QuotaStorageMb, last.AllowOverage));
        // As many as there were changes, and in the order of their versions.
        Assert.Equal(host.Published(tenant).Select(e => e.Version).Distinct().Order(), host.Published(tenant).Select(e => e.Version));
        // Each began with what the one before it had left.
        await Eventually.TrueAsync(() => Task.FromResult(Audits().Length >= changes.Length));
        Assert.Equal(changes.Length, Audits().Length);
        Assert.All(Audits().Zip(Audits().Skip(1)), pair => Assert.True(JsonElement.DeepEquals(pair.First.GetProperty("after"), pair.Second.GetProperty("before"))));

        JsonElement[] Audits() =>
            [.. host.Others.All<AuditRecorded>(e => e.EventType == "quota.updated" && e.TenantId == tenant).Select(e => e.Metadata!.Value)];
    }

    [Theory]
    [InlineData("plan_type", "\"gold\"")]
    [InlineData("plan_type", "null")]
    [InlineData("plan_type", "1")]
    [InlineData("billing_cycle", "\"weekly\"")]
    [InlineData("billing_cycle", "null")]
    [InlineData("quota_devices", "-1")]
    [InlineData("quota_devices", "1.5")]
    [InlineData("quota_devices", "\"5\"")]
    [InlineData("quota_msgs_per_min", "1000000001")]
    [InlineData("quota_msgs_per_min", "1e400")]
    [InlineData("quota_storage_mb", "99999999999999999999")]
    [InlineData("quota_storage_mb", "[]")]
    [InlineData("allow_overage", "\"true\"")]
    [InlineData("allow_overage", "1")]
    [InlineData("retention_days", "36501")]
    [InlineData("tenant_id", "\"0195f0c4-8a3b-7c1d-9e2f-123456789abc\"")]
    [InlineData("storage_blocked", "false")]
    [InlineData("Plan_Type", "\"pro\"")]
    public async Task A_value_out_of_range_and_a_field_that_there_is_not_are_named(string field, string value)
    {
        var tenant = await host.NewTenantAsync();
        using var answer = await host.SuperAdmin().PatchAsync($"/tenants/{tenant}/quotas", $$"""{"{{field}}": {{value}}, "quota_devices2": 1}""");
        var details = (await Envelope.AssertAsync(answer, 400, "bad_request")).GetProperty("details");
        Assert.Equal([field, "quota_devices2"], details.EnumerateObject().Select(one => one.Name));
        Assert.All(details.EnumerateObject(), one => Assert.NotEmpty(one.Value[0].GetString()!));
    }

    [Fact]
    public async Task Everything_that_is_wrong_is_told_at_once_and_nothing_is_changed()
    {
        var tenant = await host.NewTenantAsync();
        var before = (await host.QuotasAsync(tenant)).GetRawText();
        using var answer = await host.SuperAdmin().PatchAsync(
            $"/tenants/{tenant}/quotas",
            """{"plan_type": "gold", "billing_cycle": 7, "quota_devices": -1, "quota_msgs_per_min": "many", "quota_storage_mb": 0.5, "allow_overage": 0, "x": 1}""");
        var details = (await Envelope.AssertAsync(answer, 400, "bad_request")).GetProperty("details");
        Assert.Equal(7, details.EnumerateObject().Count());
        Assert.Equal("Must be one of starter, pro, enterprise", details.GetProperty("plan_type")[0].GetString());
        Assert.Equal("Must be a whole number from 0 to 1000000000, or null for the plan's", details.GetProperty("quota_devices")[0].GetString());
        Assert.Equal(before, (await host.QuotasAsync(tenant)).GetRawText());
    }

    [Theory]
    [InlineData("[]", "application/json", 400)]
    [InlineData("null", "application/json", 400)]
    [InlineData("{", "application/json", 400)]
    [InlineData("", "application/json", 400)]
    [InlineData("{\"quota_devices\": 1, \"quota_devices\": 2}", "application/json", 400)]
    [InlineData("{\"plan_type\": \"\\uD83D\"}", "application/json", 400)]
    [InlineData("{\"\\udc00\\ud800\": 1}", "application/json", 400)]
    [InlineData("quota_devices=5", "text/plain", 415)]
    [InlineData("{}", "application/json; charset=bogus", 415)]
    public async Task Another_body_is_refused(string body, string type, int status)
    {
        var tenant = await host.NewTenantAsync();
        using var content = new StringContent(body);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        using var answer = await host.SuperAdmin().PatchAsync($"/tenants/{tenant}/quotas", content, Cancellation);
        await Envelope.AssertAsync(answer, status, status == 400 ? "bad_request" : "unsupported_media_type");
    }

    [Fact]
    public async Task A_tenant_that_there_is_not_is_404_and_only_the_operator_may()
    {
        var tenant = await host.NewTenantAsync();
        using var unknown = await host.SuperAdmin().PatchAsync($"/tenants/{Guid.CreateVersion7()}/quotas", """{"quota_devices": 1}""");
        await Envelope.AssertAsync(unknown, 404, "not_found");
        using var own = await host.As(tenant, permissions: ["tenants:read", "devices:write"]).PatchAsync($"/tenants/{tenant}/quotas", """{"quota_devices": 1}""");
        await Envelope.AssertAsync(own, 403, "forbidden");
        using var nobody = await host.Anonymous().PatchAsync($"/tenants/{tenant}/quotas", """{"quota_devices": 1}""");
        await Envelope.AssertAsync(nobody, 401, "unauthorized");
    }
}
