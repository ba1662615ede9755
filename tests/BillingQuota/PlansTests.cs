using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Contracts.BillingQuota;
using EasySmart.Hosting;

namespace EasySmart.BillingQuota.Tests;

/// <summary>A new tenant gets its plan, once, and whoever asks or enforces learns of it.</summary>
public sealed class PlansTests(BillingHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_tenant_created_gets_the_default_plan_with_the_contracts_fields()
    {
        var tenant = await host.NewTenantAsync();
        Assert.Equal(
            $$"""
            {"tenant_id":"{{tenant}}","plan_type":"starter","billing_cycle":"monthly","quota_devices":0,"quota_msgs_per_min":360,"quota_storage_mb":1000,"allow_overage":false}
            """,
            await host.SuperAdmin().GetStringAsync($"/tenants/{tenant}/quotas", Cancellation));
    }

    [Fact]
    public async Task Delivered_again_and_again_it_stays_one_plan_and_one_event()
    {
        var created = Tenants.Created();
        await host.Others.PublishAsync(created, times: 3);
        await host.PublishedAsync(created.TenantId);
        // Again later, and as another event about the same tenant.
        await host.Others.PublishAsync(created);
        await host.Others.PublishAsync(Tenants.Created(created.TenantId));
        await host.NewTenantAsync();

        var published = Assert.Single(host.Others.All<TenantQuotaChanged>(e => e.TenantId == created.TenantId));
        Assert.Equal(("starter", "monthly", 0), (published.PlanType, published.BillingCycle, published.QuotaDevices));
        Assert.Equal((360, 1000, false, 90), (published.QuotaMsgsPerMin, published.QuotaStorageMb, published.AllowOverage, published.RetentionDays));
        Assert.Equal(created.RequestId, published.RequestId);
        Assert.Equal(published.Version, await host.ReadAsync<long>(
            "billing_system", "SELECT version FROM tenant_plans WHERE tenant_id = $1", created.TenantId));
    }

    [Fact]
    public async Task The_plan_holds_since_the_tenant_was_created_however_late_that_is_told()
    {
        var created = Tenants.Created() with { OccurredAt = new(2026, 2, 28, 23, 59, 59, TimeSpan.Zero) };
        await host.Others.PublishAsync(created);
        await host.PublishedAsync(created.TenantId);
        Assert.Equal(
            created.OccurredAt.UtcDateTime,
            await host.ReadAsync<DateTime>("billing_system", "SELECT since FROM tenant_plans WHERE tenant_id = $1", created.TenantId));
    }

    [Fact]
    public async Task The_snapshot_pages_through_every_tenant_in_the_order_of_versions()
    {
        var tenants = new List<Guid>();
        for (var i = 0; i < 3; i++)
        {
            tenants.Add(await host.NewTenantAsync());
        }

        var versions = tenants.Select(tenant => host.Others.All<TenantQuotaChanged>(e => e.TenantId == tenant).Single().Version).ToArray();
        Assert.Equal(versions.Distinct().Order(), versions);

        var seen = new List<JsonElement>();
        for (var after = versions[0] - 1; after < versions[^1];)
        {
            var page = await host.Sister().GetFromJsonAsync<JsonElement[]>($"/internal/quotas?after={after}&limit=2", Cancellation);
            Assert.InRange(page!.Length, 1, 2);
            seen.AddRange(page);
            after = page[^1].GetProperty("version").GetInt64();
        }

        var order = seen.Select(one => one.GetProperty("version").GetInt64()).ToArray();
        Assert.Equal(order.Distinct().Order(), order);
        Assert.All(tenants, tenant => Assert.Contains(seen, one => one.GetProperty("tenant_id").GetGuid() == tenant));
        string[] fields =
        [
            "tenant_id", "plan_type", "billing_cycle", "quota_devices", "quota_msgs_per_min", "quota_storage_mb", "allow_overage", "retention_days",
            "storage_blocked", "storage_bytes", "version",
        ];
        Assert.Equal(fields, seen[0].EnumerateObject().Select(field => field.Name));
        var mine = seen.Where(one => tenants.Contains(one.GetProperty("tenant_id").GetGuid())).ToArray();
        Assert.All(mine, one => Assert.Equal(90, one.GetProperty("retention_days").GetInt32()));
    }

    [Fact]
    public async Task The_snapshot_tells_the_storage_state()
    {
        var tenant = await host.NewTenantAsync();
        await host.StoreAsync((tenant, 1000 * Tenants.Mb));
        await host.PublishedAsync(tenant, times: 2);
        var version = host.Published(tenant)[^1].Version;
        await host.StoreAsync((tenant, 7));
        var state = Assert.Single((await host.Sister().GetFromJsonAsync<JsonElement[]>($"/internal/quotas?after={version - 1}&limit=1", Cancellation))!);
        Assert.Equal((tenant, true), (state.GetProperty("tenant_id").GetGuid(), state.GetProperty("storage_blocked").GetBoolean()));
        Assert.Equal((1000 * Tenants.Mb) + 7, state.GetProperty("storage_bytes").GetInt64());
    }

    [Fact]
    public async Task The_snapshot_without_parameters_begins_at_the_beginning()
    {
        await host.NewTenantAsync();
        Assert.NotEmpty((await host.Sister().GetFromJsonAsync<JsonElement[]>("/internal/quotas", Cancellation))!);
    }

    [Fact]
    public async Task The_snapshot_needs_the_service_key()
    {
        await Envelope.AssertAsync(await host.Direct().GetAsync("/internal/quotas", Cancellation), 401, "unauthorized");
        await Envelope.AssertAsync(await host.Sister("another key").GetAsync("/internal/quotas", Cancellation), 401, "unauthorized");
        await Envelope.AssertAsync(await host.SuperAdmin().GetAsync("/internal/quotas", Cancellation), 403, "forbidden");
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=1001", "limit")]
    [InlineData("limit=many", "limit")]
    [InlineData("after=x", "after")]
    public async Task A_page_that_makes_no_sense_is_400(string query, string field)
    {
        var envelope = await Envelope.AssertAsync(await host.Sister().GetAsync($"/internal/quotas?{query}", Cancellation), 400, "bad_request");
        Assert.True(envelope.GetProperty("details").TryGetProperty(field, out _));
    }

    [Fact]
    public async Task Quotas_are_for_the_operator_only()
    {
        var tenant = await host.NewTenantAsync();
        var admin = host.As(tenant, permissions: ["tenants:read", "users:write"]);
        await Envelope.AssertAsync(await admin.GetAsync($"/tenants/{tenant}/quotas", Cancellation), 403, "forbidden");
        await Envelope.AssertAsync(await host.Anonymous().GetAsync($"/tenants/{tenant}/quotas", Cancellation), 401, "unauthorized");
    }

    [Fact]
    public async Task An_unknown_tenant_is_404_and_a_malformed_id_400()
    {
        await Envelope.AssertAsync(await host.SuperAdmin().GetAsync($"/tenants/{Guid.CreateVersion7()}/quotas", Cancellation), 404, "not_found");
        var envelope = await Envelope.AssertAsync(await host.SuperAdmin().GetAsync("/tenants/mine/quotas", Cancellation), 400, "bad_request");
        Assert.True(envelope.GetProperty("details").TryGetProperty("tenant_id", out _), envelope.ToString());
    }
}
