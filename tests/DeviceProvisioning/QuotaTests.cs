using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Contracts.BillingQuota;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

public sealed class QuotaTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    [Fact]
    public async Task Two_hundred_at_once_with_a_quota_of_fifty_make_fifty()
    {
        await SetAsync(50, version: 1);
        var client = host.Installer(_tenant);
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => client.PostProvisionAsync()));
        Assert.Equal(50, answers.Count(a => a.StatusCode == HttpStatusCode.Created));
        Assert.Equal(150, answers.Count(a => a.StatusCode == HttpStatusCode.TooManyRequests));
        Assert.Equal(50L, await host.ScalarAsync<long>("SELECT count(*) FROM devices WHERE tenant_id = $1", _tenant));
        Assert.Equal(50L, await host.ScalarAsync<long>("SELECT count(*) FROM credentials WHERE tenant_id = $1", _tenant));
    }

    [Fact]
    public async Task A_refusal_says_which_limit_and_when_to_come_again()
    {
        await SetAsync(1, version: 1);
        await host.Installer(_tenant).ProvisionAsync();
        using var answer = await host.Installer(_tenant).PostProvisionAsync();
        var details = (await Envelope.AssertAsync(answer, 429, "quota_exceeded")).GetProperty("details");
        Assert.Equal("""{"limit":"devices","max":1,"used":1,"window_seconds":0}""", details.GetRawText());
        Assert.Equal(TimeSpan.FromHours(1), answer.Headers.RetryAfter!.Delta);

        // Another tenant is not concerned.
        await host.Installer(Guid.CreateVersion7()).ProvisionAsync();
    }

    [Fact]
    public async Task Nought_is_unlimited_and_an_older_version_changes_nothing()
    {
        await SetAsync(1, version: 5);
        await host.Installer(_tenant).ProvisionAsync();
        await PublishAsync(0, version: 4);
        var marker = Guid.CreateVersion7();
        await host.Events.PublishAsync(Quota(marker, 7, 1));
        await Eventually.TrueAsync(async () => await HeldAsync(marker) == 7);
        Assert.Equal(1, await HeldAsync(_tenant));
        Assert.Equal(HttpStatusCode.TooManyRequests, (await host.Installer(_tenant).PostProvisionAsync()).StatusCode);

        await SetAsync(0, version: 6);
        await host.Installer(_tenant).ProvisionAsync();
        await host.Installer(_tenant).ProvisionAsync();
    }

    private async Task SetAsync(int devices, long version)
    {
        await PublishAsync(devices, version);
        await Eventually.TrueAsync(async () =>
            await host.ScalarAsync<long>("SELECT version FROM tenant_quotas WHERE tenant_id = $1", _tenant) == version);
    }

    private Task PublishAsync(int devices, long version) => host.Events.PublishAsync(Quota(_tenant, devices, version));

    private Task<int> HeldAsync(Guid tenant) => host.ScalarAsync<int>("SELECT quota_devices FROM tenant_quotas WHERE tenant_id = $1", tenant);

    private static TenantQuotaChanged Quota(Guid tenant, int devices, long version) => new()
    {
        OccurredAt = DateTimeOffset.UtcNow,
        TenantId = tenant,
        PlanType = "starter",
        BillingCycle = "monthly",
        QuotaDevices = devices,
        QuotaMsgsPerMin = 360,
        QuotaStorageMb = 1000,
        AllowOverage = false,
        Version = version,
    };
}
