using System.Text;
using System.Text.Json;
using EasySmart.Hosting;
using EasySmart.Ingestion.Announcements;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.Ingestion.Tests;

/// <summary>What commits tell those who follow a tenant live.</summary>
public sealed class AnnouncementTests(IngestionHost host) : IAsyncLifetime
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private HeardNotices _heard = null!;

    public async ValueTask InitializeAsync() => _heard = await HeardNotices.ListenAsync(host.Database);

    public ValueTask DisposeAsync() => _heard.DisposeAsync();

    [Fact]
    public async Task Only_while_its_tenant_is_watched_a_reading_is_announced_and_says_what_was_sent()
    {
        var device = host.Owner.Put(_tenant);
        var unwatched = host.Owner.Put(Guid.CreateVersion7());
        await host.Broker.PublishAsync((device.Topic(), """{"value":0}"""));
        await host.HasReadingsAsync(device, 1);
        await WatchAsync();
        await host.Broker.PublishAsync(
            (unwatched.Topic(), "1"), (device.Topic(3), """{"value":2.5,"ts":1771156800001}"""), (device.Topic(4), "{ \"text\":\n\t\"é\\\"\\u0041\", \"n\": [1.50, {}] }"),
            (device.Topic(3), "not json"), (device.Topic(32767), "null"));
        await host.HasReadingsAsync(device, 4);
        await host.HasReadingsAsync(unwatched, 1);
        await Eventually.TrueAsync(() => Task.FromResult(Told().Count >= 3));
        var told = Told();
        Assert.Equal([3, 4, 32767], told.Select(reading => reading.GetProperty("slot").GetInt32()));
        Assert.All(told, reading => Assert.Equal(device.DeviceId, reading.GetProperty("device").GetGuid()));
        Assert.Equal(["""{"value":2.5,"ts":1771156800001}""", """{"text":"é\"A","n":[1.50,{}]}""", "null"], told.Select(reading => reading.GetProperty("value").GetRawText()));
        Assert.Equal(1771156800001000, told[0].GetProperty("time").GetInt64());
        Assert.Equal(
            await host.ScalarAsync<long>("SELECT (extract(epoch FROM received_at) * 1e6)::bigint FROM readings WHERE device_id = $1 AND slot = 4", device.DeviceId),
            told[1].GetProperty("received").GetInt64());
        Assert.Empty(_heard.Of(unwatched.TenantId!.Value));
    }

    [Fact]
    public async Task What_is_large_is_split_and_what_is_too_large_comes_without_its_value()
    {
        var device = host.Owner.Put(_tenant);
        await WatchAsync();
        var text = string.Concat(Enumerable.Repeat("ü", 3_000));
        await host.Broker.PublishAsync(
            (device.Topic(1), Series(1, 500, "1")), (device.Topic(2), Series(1, 3, $"\"{text}\"")), (device.Topic(3), Series(1, 1, $"\"{text}{text}\"")),
            (device.Topic(4), Series(1, 1, $"\"{string.Concat(Enumerable.Repeat(text, 10))}\"")), (device.Topic(5), Series(1, 1, string.Concat(Enumerable.Repeat("[", 200)) + string.Concat(Enumerable.Repeat("]", 200)))));
        await host.HasReadingsAsync(device, 506);
        await Eventually.TrueAsync(() => Task.FromResult(Told().Count >= 506));
        var told = Told().ToLookup(reading => reading.GetProperty("slot").GetInt32());
        Assert.Equal((500, 3, 1, 1, 1), (told[1].Count(), told[2].Count(), told[3].Count(), told[4].Count(), told[5].Count()));
        Assert.Equal(500, told[1].Select(reading => reading.GetProperty("time").GetInt64()).Distinct().Count());
        Assert.All(told[2], reading => Assert.Equal(text, reading.GetProperty("value").GetProperty("value").GetString()));
        Assert.All(told[3].Concat(told[4]), reading => Assert.False(reading.TryGetProperty("value", out _)));
        Assert.All(_heard.All, notice => Assert.InRange(Encoding.UTF8.GetByteCount(notice), 1, 7_999));
        Assert.InRange(_heard.Of(_tenant).Count(), 8, 40);
    }

    [Fact]
    public async Task What_is_stored_already_is_not_announced_again()
    {
        var device = host.Owner.Put(_tenant);
        await WatchAsync();
        await host.Broker.PublishAsync((device.Topic(), Series(1, 2, "1")));
        await host.HasReadingsAsync(device, 2);
        await host.Broker.PublishAsync((device.Topic(), Series(1, 3, "1")), (device.Topic(), Series(2, 1, "9")));
        await host.HasReadingsAsync(device, 3);
        await Eventually.TrueAsync(async () => await host.RejectionsOfAsync(device) == "conflict=1");
        await host.Broker.PublishAsync((device.Topic(), Series(4, 1, "1")));
        await Eventually.TrueAsync(() => Task.FromResult(Told().Count >= 4));
        Assert.Equal(4, Told().Select(reading => reading.GetProperty("time").GetInt64()).Distinct().Count());
        Assert.Equal(4, Told().Count);
    }

    [Fact]
    public async Task It_says_when_it_begins_to_listen_and_since_when_it_was_deaf()
    {
        await using var database = await IngestionHost.MigratedDatabaseAsync();
        await using var own = new IngestionHost { Inherited = database };
        await using var heard = await HeardNotices.ListenAsync(database);
        var before = DateTimeOffset.UtcNow;
        await own.InitializeAsync();
        await Eventually.TrueAsync(() => Task.FromResult(heard.All.Count == 1));
        Assert.InRange(SinceOf(heard.All.First()), before.AddMilliseconds(-1), DateTimeOffset.UtcNow);
        Assert.True(await own.ScalarAsync<bool>(
            "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity WHERE datname = $1 AND usename = 'ingestion_system'", database.Name));
        await Eventually.TrueAsync(() => Task.FromResult(heard.All.Count == 2));
        Assert.InRange(SinceOf(heard.All.Last()), SinceOf(heard.All.First()), DateTimeOffset.UtcNow);
    }

    private static DateTimeOffset SinceOf(string notice)
    {
        var joined = JsonSerializer.Deserialize<JsonElement>(notice);
        Assert.True(joined.GetProperty("joined").GetBoolean());
        return DateTimeOffset.UnixEpoch.AddMicroseconds(joined.GetProperty("since").GetInt64());
    }

    private static string Series(int from, int count, string value)
    {
        var start = DateTimeOffset.UtcNow.Date.AddHours(-1);
        return $"[{string.Join(',', Enumerable.Range(from, count).Select(i => $$"""{"ts":"{{start.AddSeconds(i):yyyy-MM-ddTHH:mm:ssZ}}","value":{{value}}}"""))}]";
    }

    private List<JsonElement> Told() => _heard.ReadingsOf(_tenant);

    private async Task WatchAsync()
    {
        // Said again until it is heard: other tests cut its connection.
        var watched = host.Services.GetRequiredService<WatchedTenants>();
        await Eventually.TrueAsync(async () =>
        {
            await _heard.WatchAsync(_tenant);
            return watched.Contains(_tenant);
        });
    }
}
