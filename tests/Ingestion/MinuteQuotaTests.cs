using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using EasySmart.Contracts.Quotas;
using EasySmart.Hosting;
using EasySmart.Ingestion.Quotas;
using Microsoft.Extensions.DependencyInjection;
using MQTTnet;

namespace EasySmart.Ingestion.Tests;

/// <summary>Messages a minute and stored bytes, held against what the tenant's plan allows: by MQTT, by webhook, and by several instances.</summary>
public sealed class MinuteQuotaTests(MinuteHost host) : IClassFixture<MinuteHost>
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task By_MQTT_what_is_too_much_is_recorded_acknowledged_and_told()
    {
        await host.LimitAsync(_tenant, 5);
        var (device, other) = (host.Owner.Put(_tenant), host.Owner.Put(_tenant));
        using var ear = await host.Broker.ConnectAsync();
        var heard = new ConcurrentQueue<string>();
        ear.ApplicationMessageReceivedAsync += received =>
        {
            heard.Enqueue(received.ApplicationMessage.ConvertPayloadToString());
            return Task.CompletedTask;
        };
        await ear.SubscribeAsync($"tenants/{_tenant}/devices/{device.DeviceId}/events/errors", cancellationToken: Cancellation);
        await host.Broker.PublishAsync([.. Enumerable.Range(0, 8).Select(i => (device.Topic(i), $"{i}")), (other.Topic(), "1")]);
        await host.HasReadingsAsync(device, 5);
        await host.HasReadingsAsync(other, 1);
        await Eventually.TrueAsync(async () => await host.RejectionsOfAsync(device) == "quota_messages=3");
        await Eventually.TrueAsync(async () => await host.Broker.PendingAsync(host.Session) == 0 && !heard.IsEmpty);
        var notice = JsonSerializer.Deserialize<JsonElement>(heard.First());
        Assert.Equal("quota_messages", notice.GetProperty("reason").GetString());
        Assert.Contains("in this minute", notice.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal("""{"limit":"messages_per_minute","max":5,"used":5,"window_seconds":60}""", notice.GetProperty("details").GetRawText());
        Assert.Equal(host.Clock.GetUtcNow().AddSeconds(59), notice.GetProperty("resets_at").GetDateTimeOffset());

        host.NextMinute();
        await host.Broker.PublishAsync((device.Topic(), "6"));
        await host.HasReadingsAsync(device, 6);
    }

    [Fact]
    public async Task By_webhook_it_is_429_with_what_is_needed_to_do_better_or_recorded_where_that_is_asked_for()
    {
        await host.LimitAsync(_tenant, 2);
        var device = host.Owner.Put(_tenant);
        await host.PostAsync(device, "1", 200);
        await host.PostAsync(device, "2", 200);
        // What is refused anyway counts for nothing.
        await host.PostAsync(device, "\"\\u0000\"", 400);
        using (var answer = await host.SendAsync(device, "3"))
        {
            var envelope = await Envelope.AssertAsync(answer, 429, "quota_exceeded");
            Assert.Equal("""{"limit":"messages_per_minute","max":2,"used":2,"window_seconds":60}""", envelope.GetProperty("details").GetRawText());
            Assert.Equal(TimeSpan.FromSeconds(59), answer.Headers.RetryAfter!.Delta);
        }

        var recorded = await host.PostAsync(device, "4", 200, "?on_limit=record");
        Assert.Equal($$"""{"success":true,"device_id":"{{device.DeviceId}}","slot":0}""", recorded);
        Assert.Equal((2, "bad_text=1 quota_messages=2"), (await host.ReadingsOfAsync(device), await host.RejectionsOfAsync(device)));
        host.NextMinute();
        await host.PostAsync(device, "5", 200);
    }

    [Fact]
    public async Task A_message_with_many_readings_is_one_and_late_ones_are_none()
    {
        await host.LimitAsync(_tenant, 2);
        var device = host.Owner.Put(_tenant);
        var old = DateTimeOffset.UtcNow.AddMinutes(-10).ToUnixTimeMilliseconds();
        for (var i = 0; i < 4; i++)
        {
            await host.PostAsync(device, $$"""{"ts":{{old + i}},"value":1}""", 200);
        }

        var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        var series = (int first) => $"[{string.Join(',', Enumerable.Range(first, 10).Select(i => $$"""{"ts":{{now - i}},"value":1}"""))}]";
        await host.PostAsync(device, series(0), 200);
        await host.PostAsync(device, series(10), 200);
        await host.PostAsync(device, series(20), 429);
        await host.PostAsync(device, $$"""{"ts":{{old - 1}},"value":1}""", 200);
        Assert.Equal((25, "quota_messages=1"), (await host.ReadingsOfAsync(device), await host.RejectionsOfAsync(device)));
    }

    [Fact]
    public async Task Late_ones_are_as_many_as_the_quota_allowed_in_thirty_days_and_then_as_it_allows()
    {
        await host.LimitAsync(_tenant, 1);
        var device = host.Owner.Put(_tenant);
        var old = DateTimeOffset.UtcNow.AddMinutes(-10).ToUnixTimeMilliseconds();
        var late = (int first, int count) => $"[{string.Join(',', Enumerable.Range(first, count).Select(i => MinuteHost.Body(device, $$"""{"ts":{{old - i}},"value":1}""")))}]";
        using var client = host.As(null, permissions: "telemetry:write");
        var sent = 0;
        for (; sent < Backlog.Most(1); sent += 10_000)
        {
            using var taken = await client.PostAsync("/telemetry/batch", MinuteHost.Json(late(sent, 10_000)), Cancellation);
            taken.EnsureSuccessStatusCode();
        }

        Assert.Equal(50_000, sent);
        Assert.Equal((43_200, $"quota_late_messages={50_000 - 43_200}"), (await host.ReadingsOfAsync(device), await host.RejectionsOfAsync(device)));
        using (var answer = await host.SendAsync(device, $$"""{"ts":{{old - sent}},"value":1}"""))
        {
            var envelope = await Envelope.AssertAsync(answer, 429, "quota_exceeded");
            Assert.Equal("""{"limit":"late_messages","max":43200,"used":43200,"window_seconds":2592000}""", envelope.GetProperty("details").GetRawText());
            Assert.Equal(TimeSpan.FromSeconds(60), answer.Headers.RetryAfter!.Delta);
        }

        await host.PostAsync(device, "1", 200);
        host.NextMinute();
        await host.PostAsync(device, $$"""{"ts":{{old - sent}},"value":1}""", 200);
        await host.PostAsync(device, $$"""{"ts":{{old - sent - 1}},"value":1}""", 429);
        Assert.Equal("80 100", await host.ToldAsync(device, QuotaLimits.LateMessages));
        Assert.Equal("quota.late_messages_warning warning, quota.late_messages_exceeded critical, quota.messages_exceeded critical", await host.AuditedAsync(device));
    }

    [Fact]
    public async Task Another_quota_counts_at_once_and_none_is_without_end()
    {
        await host.LimitAsync(_tenant, 1);
        var device = host.Owner.Put(_tenant);
        await host.PostAsync(device, "1", 200);
        await host.PostAsync(device, "2", 429);
        await host.LimitAsync(_tenant, 3);
        await host.PostAsync(device, "3", 200);
        await host.PostAsync(device, "4", 200);
        await host.PostAsync(device, "5", 429);
        // The device's state changes, and its minute goes on.
        await TellAsync(host.Owner.Put(_tenant, id: device.DeviceId));
        await host.PostAsync(device, "6", 429);
        await host.LimitAsync(_tenant, 0);
        for (var i = 0; i < 10; i++)
        {
            await host.PostAsync(device, $"{i}", 200);
        }
    }

    [Fact]
    public async Task Storage_that_is_used_up_refuses_all_until_there_is_room()
    {
        await host.LimitAsync(_tenant, 0, 3, blockedAt: 3_100_000);
        var device = host.Owner.Put(_tenant);
        using (var answer = await host.SendAsync(device, "1"))
        {
            var envelope = await Envelope.AssertAsync(answer, 429, "quota_exceeded");
            Assert.Equal("""{"limit":"storage_mb","max":3,"used":3,"window_seconds":0}""", envelope.GetProperty("details").GetRawText());
            Assert.Equal(TimeSpan.FromSeconds(3600), answer.Headers.RetryAfter!.Delta);
        }

        await host.PostAsync(device, "1", 200, "?on_limit=record");
        await host.PostAsync(device, $$"""{"ts":{{DateTimeOffset.UtcNow.AddHours(-1).ToUnixTimeMilliseconds()}},"value":1}""", 429);
        await host.Broker.PublishAsync((device.Topic(), "2"));
        await Eventually.TrueAsync(async () => await host.RejectionsOfAsync(device) == "quota_storage=4");
        Assert.Equal(0, await host.ReadingsOfAsync(device));
        await host.LimitAsync(_tenant, 0, 4);
        await host.PostAsync(device, "3", 200);
    }

    [Fact]
    public async Task Of_many_each_is_told_of_and_when_quotas_refuse_all_it_is_429()
    {
        await host.LimitAsync(_tenant, 2);
        var device = host.Owner.Put(_tenant);
        var items = $"[{string.Join(',', Enumerable.Range(0, 3).Select(i => MinuteHost.Body(device, $"{i}")))}]";
        using var client = host.As(null, permissions: "telemetry:write");
        using (var answer = await client.PostAsync("/telemetry/batch", MinuteHost.Json(items), Cancellation))
        {
            var told = JsonSerializer.Deserialize<JsonElement>(await answer.Content.ReadAsStringAsync(Cancellation));
            Assert.Equal((HttpStatusCode.OK, 2, 1), (answer.StatusCode, told.GetProperty("accepted").GetInt32(), told.GetProperty("rejected").GetInt32()));
            Assert.Equal(("quota_exceeded", "quota_messages"), (told.GetProperty("errors")[0].GetProperty("code").GetString(), told.GetProperty("errors")[0].GetProperty("reason").GetString()));
        }

        using var refused = await client.PostAsync("/telemetry/batch", MinuteHost.Json(items), Cancellation);
        var envelope = await Envelope.AssertAsync(refused, 429, "quota_exceeded");
        Assert.Equal(("messages_per_minute", 59), (envelope.GetProperty("details").GetProperty("limit").GetString(), refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds));
        // One of them is wrong in another way.
        using var mixed = await client.PostAsync("/telemetry/batch", MinuteHost.Json($"[{MinuteHost.Body(device, "1")},7]"), Cancellation);
        Assert.Equal(HttpStatusCode.OK, mixed.StatusCode);
        Assert.Equal((2, "quota_messages=5"), (await host.ReadingsOfAsync(device), await host.RejectionsOfAsync(device)));
    }

    [Fact]
    public async Task Two_instances_hold_the_quota_together_and_one_that_starts_anew_goes_on()
    {
        const int Max = 80;
        await host.LimitAsync(_tenant, Max);
        await using var second = await new MinuteHost { Inherited = host.Database, Clock = host.Clock }.StartAsync();
        await MinuteHost.KnowsAsync(second, _tenant, Max);
        var device = host.Owner.Put(_tenant);
        await TellAsync(device, second);
        var taken = 0;
        await Task.WhenAll(new[] { host, second }.Select(async instance =>
        {
            for (var i = 0; i < Max; i++)
            {
                using var answer = await instance.SendAsync(device, $"{i}");
                Interlocked.Add(ref taken, answer.StatusCode == HttpStatusCode.OK ? 1 : 0);
            }
        }));

        // What one instance may not have told the other yet, and a message in hand.
        Assert.InRange(taken, Max, Max + Max / 8 + 1);
        Assert.Equal(taken, await host.ReadingsOfAsync(device));
        Assert.Equal(taken, await host.ScalarAsync<long>("SELECT messages FROM device_minutes WHERE device_id = $1", device.DeviceId));
        Assert.Equal("80 100", await host.ToldAsync(device));

        await using var third = await new MinuteHost { Inherited = host.Database, Clock = host.Clock }.StartAsync();
        await third.PostAsync(device, "1", 429);
        host.NextMinute();
        await third.PostAsync(device, "1", 200);
    }

    [Fact]
    public async Task A_tenant_sees_what_limits_its_device_and_nobody_elses()
    {
        await host.LimitAsync(_tenant, 4, 10, plan: "enterprise");
        var device = host.Owner.Put(_tenant);
        for (var i = 0; i < 5; i++)
        {
            await host.PostAsync(device, "1", i < 4 ? 200 : 429);
        }

        await host.ScalarAsync<int>("INSERT INTO tenant_stored VALUES ($1, 1, 8500000) ON CONFLICT (tenant_id) DO UPDATE SET bytes = 8500000", _tenant);
        using var client = host.As(_tenant, permissions: "devices:read");
        await TellAsync(device);
        var told = JsonSerializer.Deserialize<JsonElement>(await client.GetStringAsync($"/devices/{device.DeviceId}/limits", Cancellation));
        Assert.Equal(1, told.GetProperty("refused_this_minute").GetInt32());
        Assert.Equal(
            $"messages_per_minute device 4 4 0 100 messages 60 {host.Clock.GetUtcNow().AddSeconds(59):yyyy-MM-ddTHH:mm:ssZ} blocked;late_messages device 172800 0 172800 0 messages 2592000 null ok;storage_mb tenant 10 8.5 1.5 85 MB 0 null warning",
            string.Join(';', told.GetProperty("limits").EnumerateArray().Select(one => string.Join(' ', one.EnumerateObject().SkipLast(1)
                .Select(field => field.Value.ValueKind switch { JsonValueKind.String => field.Value.GetString(), _ => field.Value.GetRawText() })))));
        Assert.All(told.GetProperty("limits").EnumerateArray(), one => Assert.NotEqual("", one.GetProperty("at_limit").GetString()));

        await host.LimitAsync(_tenant, 0);
        told = JsonSerializer.Deserialize<JsonElement>(await client.GetStringAsync($"/devices/{device.DeviceId}/limits", Cancellation));
        Assert.All(told.GetProperty("limits").EnumerateArray(), one => Assert.Equal("unlimited null", $"{one.GetProperty("state").GetString()} {one.GetProperty("remaining").GetRawText()}"));

        using var stranger = host.As(Guid.CreateVersion7(), permissions: "devices:read");
        var none = await Envelope.AssertAsync(await stranger.GetAsync($"/devices/{device.DeviceId}/limits", Cancellation), 404, "not_found");
        Assert.Equal("Device not found", none.GetProperty("message").GetString());
        using var unpermitted = host.As(_tenant, permissions: "telemetry:read");
        await Envelope.AssertAsync(await unpermitted.GetAsync($"/devices/{device.DeviceId}/limits", Cancellation), 403, "forbidden");
    }

    // As its owner's event does.
    private async Task TellAsync(TestOwner.Device device, params MinuteHost[] others)
    {
        await host.ScalarAsync<int>(
            "WITH put AS (INSERT INTO devices VALUES ($1, $2, 'label', 'active', $3)) SELECT pg_notify('devices', '')", device.DeviceId, device.TenantId!, device.Version);
        foreach (var instance in others.Prepend(host))
        {
            await Eventually.TrueAsync(() => Task.FromResult(
                instance.Services.GetRequiredService<Devices.DeviceDirectory>().Find(device.DeviceId)?.Version == device.Version));
        }
    }
}
