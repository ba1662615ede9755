using EasySmart.BillingQuota.Devices;
using EasySmart.BillingQuota.Tests.Ledger;
using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Contracts.Quotas;
using EasySmart.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace EasySmart.BillingQuota.Tests;

/// <summary>The replica of the devices, and how many of them a tenant may hold.</summary>
public sealed class DevicesTests(BillingHost host)
{
    private long _version = Random.Shared.NextInt64(1, 1L << 40);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Devices_come_move_and_go_and_an_older_word_changes_nothing()
    {
        var (mine, other, device) = (await host.NewTenantAsync(), await host.NewTenantAsync(), Guid.CreateVersion7());
        var claimed = Changed(device, mine);
        await host.Others.PublishAsync(claimed, times: 2);
        await HoldsAsync(mine, 1);
        var moved = Changed(device, other);
        await host.Others.PublishAsync(moved);
        await HoldsAsync(other, 1);
        await HoldsAsync(mine, 0);
        await host.Others.PublishAsync(Changed(Guid.CreateVersion7(), mine) with { DeviceId = device, Version = claimed.Version });
        await host.Others.PublishAsync(Changed(Guid.CreateVersion7(), mine));
        await HoldsAsync(mine, 1);
        await HoldsAsync(other, 1);
        await host.Others.PublishAsync(Changed(device, null));
        await HoldsAsync(other, 0);
    }

    [Fact]
    public async Task Any_number_at_once_cross_each_step_once()
    {
        var tenant = await host.NewTenantAsync("""{"quota_devices": 20}""");
        var devices = Enumerable.Range(0, 20).Select(_ => Guid.CreateVersion7()).ToArray();
        await Task.WhenAll(devices.Select(device => host.Others.PublishAsync(Changed(device, tenant))));
        var full = await host.Others.ExpectAsync<QuotaExceeded>(e => e.TenantId == tenant && e.Percent == 100);
        Assert.Equal((QuotaLimits.Devices, 20L, 20L, false), (full.Limit, full.Max, full.Used, full.Overage));
        var audit = await host.Others.ExpectAsync<AuditRecorded>(e => e.TenantId == tenant && e.EventType == "quota.devices_exceeded");
        StorageTests.AssertSays("""{"limit": "devices", "percent": 100, "max": 20, "used": 20}""", audit);
        Assert.Single(host.Others.All<AuditRecorded>(e => e.TenantId == tenant && e.EventType == "quota.devices_warning"));
        Assert.Equal([80, 100], host.Others.All<QuotaExceeded>(e => e.TenantId == tenant).Select(e => e.Percent));

        // 18 of 20 lets the 100 % be told again.
        await host.Others.PublishAsync(Changed(devices[0], null));
        await host.Others.PublishAsync(Changed(devices[1], null));
        await HoldsAsync(tenant, 18);
        await host.Others.PublishAsync(Changed(devices[0], tenant));
        await host.Others.PublishAsync(Changed(devices[1], tenant));
        await Eventually.TrueAsync(() => Task.FromResult(host.Others.All<QuotaExceeded>(e => e.TenantId == tenant && e.Percent == 100).Count == 2));
    }

    [Fact]
    public async Task A_quota_that_comes_down_to_what_is_held_crosses_too()
    {
        var tenant = await host.NewTenantAsync();
        for (var i = 0; i < 4; i++)
        {
            await host.Others.PublishAsync(Changed(Guid.CreateVersion7(), tenant));
        }

        await HoldsAsync(tenant, 4);
        await host.ChangeAsync(tenant, """{"quota_devices": 5}""");
        var warning = await host.Others.ExpectAsync<QuotaExceeded>(e => e.TenantId == tenant);
        Assert.Equal((QuotaLimits.Devices, 80, 5L, 4L), (warning.Limit, warning.Percent, warning.Max, warning.Used));
        await host.ChangeAsync(tenant, """{"quota_devices": 0}""");
        await host.ChangeAsync(tenant, """{"quota_devices": 2}""");
        await host.Others.ExpectAsync<QuotaExceeded>(e => e.TenantId == tenant && e.Percent == 100 && e.Max == 2);
    }

    [Fact]
    public async Task Of_two_events_at_once_of_a_device_that_is_new_the_second_knows_from_whom_it_takes_it()
    {
        await using var database = await OwnLedger.BeginAsync(DateTimeOffset.UtcNow);
        var (mine, other, device) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        foreach (var tenant in new[] { mine, other })
        {
            await database.GivePlanAsync(tenant, DateTimeOffset.UtcNow);
        }

        await database.ExecuteAsync("UPDATE tenant_plans SET quota_devices = 1");
        await using var first = await database.System.OpenConnectionAsync(Cancellation);
        await using var second = await database.System.OpenConnectionAsync(Cancellation);
        var waits = $"SELECT cardinality(pg_blocking_pids({second.ProcessID}))";
        await using var commits = await first.BeginTransactionAsync(Cancellation);
        await using var follows = await second.BeginTransactionAsync(Cancellation);
        var apply = new ApplyDevice(database.Clock);
        await apply.HandleAsync(Changed(device, mine), commits, Cancellation);
        var takes = apply.HandleAsync(Changed(device, other), follows, Cancellation);
        await Eventually.TrueAsync(async () => await database.ReadAsync(waits) == "1");
        await commits.CommitAsync(Cancellation);
        await takes;
        await follows.CommitAsync(Cancellation);
        Assert.Equal("0", await database.ReadAsync($"SELECT level FROM quota_levels WHERE limit_name = 'devices' AND tenant_id = '{mine}'"));
        Assert.Equal("100", await database.ReadAsync($"SELECT level FROM quota_levels WHERE limit_name = 'devices' AND tenant_id = '{other}'"));
    }

    [Fact]
    public async Task The_replica_is_filled_from_its_owner_once_that_answers()
    {
        await using var database = await TestDatabase.CreateAsync(TestServers.Platform, "billing_owner");
        await BillingHost.Migrations.ApplyAsync(database.For("billing_owner"), Cancellation);
        var (tenant, asked) = (Guid.CreateVersion7(), 0);
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var owner = builder.Build();
        owner.MapGet("/internal/devices", (HttpContext context, long after) => Interlocked.Increment(ref asked) == 1
            ? Results.StatusCode(503)
            : context.Request.Headers["X-EasySmart-Service-Key"] != BillingHost.ServiceKey ? Results.StatusCode(401)
            : Results.Json(Enumerable.Range((int)after + 1, after < 20 ? 10 : 0).Select(version => new
            {
                device_id = Guid.CreateVersion7(),
                tenant_id = version % 2 == 0 ? tenant : (Guid?)null,
                device_label = $"device-{version}",
                status = "claimed",
                version,
            })));
        await owner.StartAsync(Cancellation);
        await using var beside = BillingHost.Beside(database, (ApplyDevice.Replica.AddressKey, owner.Urls.Single()));
        await beside.InitializeAsync();
        await Eventually.TrueAsync(async () => await beside.ReadAsync<long>("billing_system", "SELECT count(*) FROM devices") == 20);
        Assert.Equal(10, await beside.ReadAsync<long>("billing_system", "SELECT count(*) FROM devices WHERE tenant_id = $1", tenant));
    }

    private DeviceChanged Changed(Guid device, Guid? tenant) => new()
    {
        OccurredAt = DateTimeOffset.UtcNow,
        DeviceId = device,
        TenantId = tenant,
        DeviceLabel = $"device-{device:N}",
        Status = tenant is null ? DeviceStatus.Unclaimed : DeviceStatus.Claimed,
        Version = Interlocked.Increment(ref _version),
    };

    private Task HoldsAsync(Guid tenant, long devices) => Eventually.TrueAsync(async () =>
        await host.ReadAsync<long>("billing_system", "SELECT count(*) FROM devices WHERE tenant_id = $1", tenant) == devices);
}
