using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.BillingQuota;
using EasySmart.Contracts.Quotas;
using EasySmart.Hosting;

namespace EasySmart.BillingQuota.Tests;

/// <summary>What is stored against the storage quota: when it is full, when open again, and who is told.</summary>
public sealed class StorageTests(BillingHost host)
{
    [Fact]
    public async Task A_tenant_is_closed_exactly_at_its_quota_and_open_again_when_something_is_deleted()
    {
        var tenant = await host.NewTenantAsync("""{"quota_storage_mb": 1}""");
        await host.StoreAsync((tenant, Tenants.Mb - 1));
        Assert.False(await IsBlockedAsync(tenant));
        await host.StoreAsync((tenant, 1));
        var closed = await ToldAsync(tenant, blocked: true);
        Assert.Equal((1, Tenants.Mb), (closed.QuotaStorageMb, closed.StorageBytes));
        await host.StoreAsync((tenant, 500));
        await host.StoreAsync((tenant, -501));
        var open = await ToldAsync(tenant, blocked: false, after: closed.Version);
        Assert.Equal(Tenants.Mb - 1, open.StorageBytes);
        // The two of before, and one for each turn: not one for each batch.
        Assert.Equal(4, host.Published(tenant).Count);
    }

    [Theory]
    [InlineData("""{"quota_storage_mb": 2}""")]
    [InlineData("""{"quota_storage_mb": 0}""")]
    [InlineData("""{"quota_storage_mb": null}""")]
    [InlineData("""{"plan_type": "enterprise"}""")]
    [InlineData("""{"plan_type": "pro", "quota_storage_mb": null}""")]
    public async Task A_quota_or_plan_that_is_raised_opens_the_tenant_in_the_event_that_tells_of_it(string change)
    {
        var tenant = await host.NewTenantAsync("""{"quota_storage_mb": 1}""");
        await host.StoreAsync((tenant, Tenants.Mb));
        var closed = await ToldAsync(tenant, blocked: true);
        await host.ChangeAsync(tenant, change);
        Assert.False(await IsBlockedAsync(tenant));
        var open = await ToldAsync(tenant, blocked: false, after: closed.Version);
        Assert.Equal(Tenants.Mb, open.StorageBytes);
        Assert.Equal(4, host.Published(tenant).Count);
    }

    [Fact]
    public async Task A_quota_that_is_lowered_closes_the_tenant()
    {
        var tenant = await host.NewTenantAsync();
        await host.StoreAsync((tenant, 5 * Tenants.Mb));
        await host.ChangeAsync(tenant, """{"quota_storage_mb": 5}""");
        await ToldAsync(tenant, blocked: true);
        var crossing = await host.Others.ExpectAsync<QuotaExceeded>(e => e.TenantId == tenant);
        Assert.Equal((QuotaLimits.StorageMb, 100, 5L, 5L), (crossing.Limit, crossing.Percent, crossing.Max, crossing.Used));
    }

    [Theory]
    [InlineData("enterprise", true, false)]
    [InlineData("enterprise", false, true)]
    [InlineData("pro", true, true)]
    [InlineData("starter", true, true)]
    public async Task Only_an_enterprise_tenant_that_may_goes_on_past_its_quota(string plan, bool overage, bool blocked)
    {
        var tenant = await host.NewTenantAsync($$"""{"plan_type": "{{plan}}", "allow_overage": {{(overage ? "true" : "false")}}, "quota_storage_mb": 1}""");
        await host.StoreAsync((tenant, 3 * Tenants.Mb));
        var crossing = await host.Others.ExpectAsync<QuotaExceeded>(e => e.TenantId == tenant);
        Assert.Equal((100, 1L, 3L, !blocked), (crossing.Percent, crossing.Max, crossing.Used, crossing.Overage));
        Assert.Equal(blocked, await IsBlockedAsync(tenant));
    }

    [Fact]
    public async Task Each_step_is_told_once_with_its_audit_record_and_again_after_use_was_well_below()
    {
        var tenant = await host.NewTenantAsync("""{"quota_storage_mb": 100}""");
        foreach (var percent in new[] { 79, 80, 78, 85, 75, 90, 100, 96, 100, 94, 100, 74, 81 })
        {
            await UseAsync(percent);
        }

        await Eventually.TrueAsync(() => Task.FromResult(Crossings().Length >= 4));
        Assert.Equal([80, 100, 100, 80], Crossings());
        await Eventually.TrueAsync(() => Task.FromResult(Audits().Count >= 4));
        Assert.Equal(["quota.storage_warning", "quota.storage_exceeded", "quota.storage_exceeded", "quota.storage_warning"], Audits().Select(e => e.EventType));
        var (warning, exceeded) = (Audits()[0], Audits()[1]);
        Assert.Equal(("billing", "warning", "system", "quota_check", "success"), (warning.EventCategory, warning.Severity, warning.ActorType, warning.Action, warning.Result));
        Assert.Equal("critical", exceeded.Severity);
        AssertSays("""{"limit": "storage_mb", "percent": 80, "max": 100, "used": 80}""", warning);

        int[] Crossings() => [.. host.Others.All<QuotaExceeded>(e => e.TenantId == tenant).Select(e => e.Percent)];
        IReadOnlyList<AuditRecorded> Audits() => host.Others.All<AuditRecorded>(e => e.TenantId == tenant && e.EventType.StartsWith("quota.storage", StringComparison.Ordinal));

        async Task UseAsync(int percent)
        {
            var bytes = await host.ReadAsync<long>("billing_system", "SELECT bytes FROM tenant_storage WHERE tenant_id = $1", tenant);
            await host.StoreAsync((tenant, (percent * Tenants.Mb) - bytes));
        }
    }

    [Fact]
    public async Task Batches_and_changes_at_once_leave_the_state_that_their_sum_makes()
    {
        var (one, other) = (await host.NewTenantAsync("""{"quota_storage_mb": 10}"""), await host.NewTenantAsync("""{"quota_storage_mb": 10}"""));
        await Task.WhenAll(Enumerable.Range(0, 40).Select(i => i % 4 == 3
            ? host.ChangeAsync(one, $$"""{"quota_storage_mb": {{(i == 39 ? 30 : 31)}}}""")
            : host.StoreAsync(i % 2 == 0 ? [(one, Tenants.Mb), (other, Tenants.Mb / 2)] : [(other, Tenants.Mb / 2), (one, Tenants.Mb)])));
        Assert.Equal(30 * Tenants.Mb, await host.ReadAsync<long>("billing_system", "SELECT bytes FROM tenant_storage WHERE tenant_id = $1", one));
        // Of the quotas either may have been the last to come: at 30 it is closed, at 31 open.
        var quota = (await host.QuotasAsync(one)).GetProperty("quota_storage_mb").GetInt32();
        Assert.Equal(quota == 30, await IsBlockedAsync(one));
        Assert.True(await IsBlockedAsync(other));
        Assert.Single(await ToldAllAsync(other), e => e.StorageBlocked is true);
    }

    [Fact]
    public async Task What_came_before_the_plan_counts_when_the_plan_comes()
    {
        var created = Tenants.Created();
        await host.StoreAsync((created.TenantId, 2000 * Tenants.Mb));
        await host.Others.PublishAsync(created);
        var first = await ToldAsync(created.TenantId, blocked: true);
        Assert.Equal((360, 1000, 2000 * Tenants.Mb), (first.QuotaMsgsPerMin, first.QuotaStorageMb, first.StorageBytes));
    }

    internal static void AssertSays(string metadata, AuditRecorded audit) =>
        Assert.True(JsonElement.DeepEquals(JsonSerializer.Deserialize<JsonElement>(metadata), audit.Metadata!.Value), audit.Metadata.ToString());

    private async Task<IReadOnlyList<TenantQuotaChanged>> ToldAllAsync(Guid tenant)
    {
        var version = await host.ReadAsync<long>("billing_system", "SELECT version FROM tenant_plans WHERE tenant_id = $1", tenant);
        await Eventually.TrueAsync(() => Task.FromResult(host.Published(tenant).Any(e => e.Version == version)));
        return host.Published(tenant);
    }

    private Task<TenantQuotaChanged> ToldAsync(Guid tenant, bool blocked, long after = 0) =>
        host.Others.ExpectAsync<TenantQuotaChanged>(e => e.TenantId == tenant && e.StorageBlocked == blocked && e.Version > after);

    private Task<bool> IsBlockedAsync(Guid tenant) =>
        host.ReadAsync<bool>("billing_system", "SELECT storage_blocked FROM tenant_plans WHERE tenant_id = $1", tenant);
}
