using System.Net;
using EasySmart.Fleet.Tests.Ingestion;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests.Quotas;

/// <summary>The quota of messages a minute, with real traffic: what is over it is refused, and says so, to the device, the caller and the tenant.</summary>
public sealed class MessageQuotaTests
{
    private const string Refused = "quota_messages";
    private const int Most = 2000;

    [Fact]
    public async Task What_is_over_it_is_acknowledged_recorded_and_told_and_what_is_within_is_stored()
    {
        await using var sink = new Sink();
        var tenant = await Tenant.RegisterAsync();
        await tenant.SetQuotasAsync(new { quota_msgs_per_min = 10 });
        await using var device = await QuotaDevice.ConnectAsync(tenant);
        await device.LimitedToAsync("messages_per_minute", 10);
        await AtTheBeginningOfAMinuteAsync();
        // Other tests kill servers beside this one: for what may have waited meanwhile each minute of that gives 10 more. Then all are refused.
        var (published, now) = (0, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        for (; published < Most && (published < 15 || await device.RefusedAsync(Refused) == 0); published++)
        {
            await device.PublishAsync($$"""[{"value": 1, "ts": {{now + 2 * published}}}, {"value": 2, "ts": {{now + 2 * published + 1}}}]""");
        }

        await Eventually.TrueAsync(async () => await sink.RowsOfAsync(tenant.Id) / 2 + await device.RefusedAsync(Refused) == published);
        Assert.InRange(await device.RefusedAsync(Refused), 1, published - 10);
        await Eventually.TrueAsync(() => Task.FromResult(device.Errors.Count > 0));
        var notice = device.Errors.First();
        Assert.Equal((Refused, "messages_per_minute"), (notice.GetProperty("reason").GetString(), notice.GetProperty("details").GetProperty("limit").GetString()));

        using var refused = await device.PostAsync(new { value = 1 });
        var details = (await Envelope.AssertAsync(refused, 429, "quota_exceeded")).GetProperty("details");
        Assert.Equal(("messages_per_minute", 10, 60), (details.GetProperty("limit").GetString(), details.GetProperty("max").GetInt32(), details.GetProperty("window_seconds").GetInt32()));
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        using var recorded = await device.PostAsync(new { value = 1 }, "?on_limit=record");
        Assert.Equal(HttpStatusCode.OK, recorded.StatusCode);

        var limit = await device.LimitAsync("messages_per_minute");
        Assert.Equal(("device", 10, "blocked"), (limit.GetProperty("scope").GetString(), limit.GetProperty("used").GetInt32(), limit.GetProperty("state").GetString()));
        Assert.InRange(limit.GetProperty("resets_at").GetDateTimeOffset(), DateTimeOffset.UtcNow.AddSeconds(-5), DateTimeOffset.UtcNow.AddSeconds(65));
        // (Of two marks that one commit passes the higher is told.)
        var told = await Eventually.GetAsync(async () =>
            (await tenant.ReadAsync(HttpMethod.Get, "/api/v1/audit?event_type=quota.messages_exceeded")).EnumerateArray().ToList() is { Count: > 0 } found ? found : null);
        Assert.Equal(device.Device.Id, Assert.Single(told).GetProperty("device_id").GetGuid());
    }

    [Fact]
    public async Task Late_data_is_not_counted_and_another_quota_holds_within_moments()
    {
        await using var sink = new Sink();
        var tenant = await Tenant.RegisterAsync();
        await tenant.SetQuotasAsync(new { quota_msgs_per_min = 1 });
        await using var device = await QuotaDevice.ConnectAsync(tenant);
        await device.LimitedToAsync("messages_per_minute", 1);
        var hourAgo = DateTimeOffset.UtcNow.AddHours(-1).ToUnixTimeMilliseconds();
        for (var i = 0; i < 20; i++)
        {
            await device.PublishAsync($$"""{"value": {{i}}, "ts": {{hourAgo + i}}}""");
        }

        await Eventually.TrueAsync(async () => await sink.RowsOfAsync(tenant.Id) == 20);
        await tenant.SetQuotasAsync(new { quota_msgs_per_min = 0 });
        await device.LimitedToAsync("messages_per_minute", 0);
        for (var i = 0; i < 20; i++)
        {
            await device.PublishAsync("1");
        }

        await Eventually.TrueAsync(async () => await sink.RowsOfAsync(tenant.Id) == 40);
        Assert.Equal(0, await device.RefusedAsync(Refused));
    }

    // What is sent in a moment belongs to one minute then.
    internal static Task AtTheBeginningOfAMinuteAsync() => Eventually.TrueAsync(() => Task.FromResult(DateTime.UtcNow.Second < 40), seconds: 60);
}
