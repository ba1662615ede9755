using System.Net;
using EasySmart.Fleet.Tests.Ingestion;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests.Quotas;

/// <summary>The quota of storage, with real traffic: closed when it is used up, open again when there is room, and open with overage.</summary>
public sealed class StorageQuotaTests(ITestOutputHelper output)
{
    private static readonly string Large = $"\"{new string('x', 60_000)}\"";

    [Fact]
    public async Task A_starter_is_blocked_when_it_is_used_up_and_open_again_within_moments_of_a_larger_quota()
    {
        await using var sink = new Sink();
        var tenant = await Tenant.RegisterAsync();
        await tenant.SetQuotasAsync(new { quota_storage_mb = 1, quota_msgs_per_min = 0 });
        await using var device = await QuotaDevice.ConnectAsync(tenant);
        await FillAsync(device);
        await BlockedAsync(device);
        var rows = await sink.RowsOfAsync(tenant.Id);
        var refusedBefore = await device.RefusedAsync("quota_storage");
        await device.PublishAsync("1");
        await Eventually.TrueAsync(async () => await device.RefusedAsync("quota_storage") > refusedBefore);
        Assert.Equal(rows, await sink.RowsOfAsync(tenant.Id));
        using var refused = await device.PostAsync(1);
        var details = (await Envelope.AssertAsync(refused, 429, "quota_exceeded")).GetProperty("details");
        Assert.Equal(("storage_mb", 1, 0), (details.GetProperty("limit").GetString(), details.GetProperty("max").GetInt32(), details.GetProperty("window_seconds").GetInt32()));
        Assert.Equal(TimeSpan.FromHours(1), refused.Headers.RetryAfter!.Delta);

        await tenant.SetQuotasAsync(new { quota_storage_mb = 10 });
        var clock = System.Diagnostics.Stopwatch.StartNew();
        await OpenAsync(device);
        output.WriteLine($"open {clock.ElapsedMilliseconds} ms after the larger quota (limit 5 s)");
        await Eventually.TrueAsync(async () => (await tenant.ReadAsync(HttpMethod.Get, "/api/v1/audit?event_type=quota.storage_exceeded")).GetArrayLength() == 1);
    }

    [Fact]
    public async Task An_enterprise_with_overage_goes_on_and_is_metered()
    {
        await using var sink = new Sink();
        var tenant = await Tenant.RegisterAsync();
        await tenant.SetQuotasAsync(new { plan_type = "enterprise", allow_overage = true, quota_storage_mb = 1, quota_msgs_per_min = 0 });
        await using var device = await QuotaDevice.ConnectAsync(tenant);
        await FillAsync(device);
        await Eventually.TrueAsync(async () => (await QuotaDevice.LimitOfTenantAsync(tenant, "storage_mb")).GetProperty("state").GetString() == "overage");
        using var taken = await device.PostAsync(1);
        Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
        await Eventually.TrueAsync(async () =>
        {
            var usage = await tenant.ReadAsync(HttpMethod.Get, "/api/v1/tenants/me/usage?meter=bytes_stored");
            return usage.GetProperty("meters")[0].GetProperty("total").GetInt64() == await sink.BytesOfAsync(tenant.Id);
        });

        // As soon as it may not any more, it is blocked.
        await tenant.SetQuotasAsync(new { allow_overage = false });
        await BlockedAsync(device);
        await tenant.SetQuotasAsync(new { allow_overage = true });
        await OpenAsync(device);
    }

    // 18 × 60 kB: the quota of 1 MB is used up with the 17th.
    private static async Task FillAsync(QuotaDevice device)
    {
        for (var i = 0; i < 18; i++)
        {
            await device.PublishAsync(Large);
        }
    }

    private static Task BlockedAsync(QuotaDevice device) => Eventually.TrueAsync(async () =>
    {
        using var answer = await device.PostAsync(1);
        return answer.StatusCode == HttpStatusCode.TooManyRequests;
    });

    private static Task OpenAsync(QuotaDevice device) => Eventually.TrueAsync(async () =>
    {
        using var answer = await device.PostAsync(1);
        return answer.StatusCode == HttpStatusCode.OK;
    });
}
