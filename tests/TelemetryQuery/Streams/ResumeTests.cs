using System.Text.Json;
using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.TelemetryQuery.Tests.Streams;

/// <summary>What a stream finds that it was not told of: its client was away, or a connection was.</summary>
[Collection("Streams")]
public sealed class ResumeTests(QueryHost host)
{
    private readonly Plant _plant = new(host);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Feed Feed => new(host, _plant.Tenant);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_that_comes_back_gets_what_arrived_meanwhile_and_nothing_from_long_before(bool asBrowser)
    {
        var (device, other) = (await _plant.AddDeviceAsync(), await _plant.AddDeviceAsync());
        var now = DateTimeOffset.UtcNow;
        var position = $"{Feed.Micros(now.AddMinutes(-5))}";
        foreach (var (number, minutes) in new[] { (1, -7), (2, -4), (3, -3), (4, -1) })
        {
            await Feed.StoreSilentlyAsync(device, number, now.AddMinutes(minutes));
            await Feed.StoreSilentlyAsync(other, 10 + number, now.AddMinutes(minutes));
        }

        await using var stream = asBrowser
            ? await OpenedStream.OpenAsync(_plant.Reader, $"device_id={device}&last_event_id={Feed.Micros(now)}", position)
            : await OpenedStream.OpenAsync(_plant.Reader, $"device_id={device}&last_event_id={position}");
        Assert.Equal(position, stream.First.EventId);
        var told = new[] { await stream.NextAsync("reading"), await stream.NextAsync("reading"), await stream.NextAsync("reading") };
        Assert.Equal([2, 3, 4], told.Select(OpenedStream.NumberOf));
        Assert.Equal(new[] { -4, -3, -1 }.Select(minutes => $"{Feed.Micros(now.AddMinutes(minutes))}"), told.Select(reading => reading.EventId));
        // It is a live one now, and has nothing to tell twice.
        await Feed.TellAsync(device, 5);
        await Feed.StoreSilentlyAsync(device, 6);
        Assert.Equal([5, 6], await stream.NumbersUntilAsync(6));
    }

    [Fact]
    public async Task What_is_too_long_ago_to_be_looked_for_is_a_gap()
    {
        var device = await _plant.AddDeviceAsync();
        var position = DateTimeOffset.UtcNow.AddHours(-2);
        await Feed.StoreSilentlyAsync(device, 1, position.AddMinutes(5));
        await Feed.StoreSilentlyAsync(device, 2, position.AddMinutes(100));
        await using var stream = await OpenedStream.OpenAsync(_plant.Reader, "", $"{Feed.Micros(position)}");
        var gap = JsonSerializer.Deserialize<JsonElement>((await stream.NextAsync("gap")).Data);
        Assert.Equal("too_old", gap.GetProperty("reason").GetString());
        Assert.Equal(Feed.Micros(position), Feed.Micros(gap.GetProperty("from").GetDateTimeOffset()));
        Assert.InRange(gap.GetProperty("to").GetDateTimeOffset(), position.AddMinutes(59), position.AddMinutes(62));
        Assert.Equal(2, await stream.NextNumberAsync());
    }

    [Fact]
    public async Task What_is_too_much_to_be_told_again_is_a_gap()
    {
        var device = await _plant.AddDeviceAsync();
        var position = DateTimeOffset.UtcNow.AddMinutes(-10);
        await Feed.StoreManyAsync(device, 10_100, position, TimeSpan.FromMilliseconds(50));
        await using var stream = await OpenedStream.OpenAsync(_plant.Reader, "", $"{Feed.Micros(position)}");
        var gap = JsonSerializer.Deserialize<JsonElement>((await stream.NextAsync("gap")).Data);
        Assert.Equal("too_many", gap.GetProperty("reason").GetString());
        Assert.Equal(Feed.Micros(position.AddMilliseconds(101 * 50)), Feed.Micros(gap.GetProperty("to").GetDateTimeOffset()));
        Assert.Equal(Enumerable.Range(101, 10_000).Select(n => (double)n), await stream.NumbersUntilAsync(10_100));
    }

    [Fact]
    public async Task What_was_announced_while_its_connection_was_away_is_found()
    {
        var device = await _plant.AddDeviceAsync();
        await using var stream = await OpenedStream.OpenAsync(_plant.Reader);
        await Feed.TellAsync(device, 1);
        Assert.Equal(1, await stream.NextNumberAsync());
        await using (var asSuperuser = NpgsqlDataSource.Create(host.Database.ForSuperuser()))
        {
            await using var kill = asSuperuser.CreateCommand(
                "SELECT count(pg_terminate_backend(pid, 10000) OR NULL) FROM pg_stat_activity WHERE datname = $1 AND query LIKE '%pg_notify(''readers''%'");
            kill.Parameters.Add(new() { Value = host.Database.Name });
            Assert.True(await kill.ExecuteScalarAsync(Cancellation) is > 0L);
        }

        await Feed.StoreSilentlyAsync(device, 2);
        Assert.Contains(2, await stream.NumbersUntilAsync(2));
        // And it listens again.
        await Feed.StoreAsync(device, 3, DateTimeOffset.UtcNow.AddDays(-3), announced: true);
        Assert.Contains(3, await stream.NumbersUntilAsync(3));
        await using var another = await OpenedStream.OpenAsync(_plant.Reader, $"device_id={device}");
        await Feed.TellAsync(device, 4);
        Assert.Equal(4, await another.NextNumberAsync());
    }

    [Fact]
    public async Task An_ingestion_that_was_deaf_is_told_of_all_tenants_and_what_it_stored_is_found()
    {
        var device = await _plant.AddDeviceAsync();
        await using var stream = await OpenedStream.OpenAsync(_plant.Reader);
        await Feed.TellAsync(device, 1);
        Assert.Equal(1, await stream.NextNumberAsync());
        var since = DateTimeOffset.UtcNow.AddMinutes(-10);
        await Feed.StoreSilentlyAsync(device, 2, since.AddMinutes(5));
        var told = false;
        await using var listening = await Feed.ListenAsync(tenant => told |= tenant == _plant.Tenant.ToString());
        await Feed.AnnounceAsync($$"""{"joined":true,"since":{{Feed.Micros(since)}}}""");
        Assert.Contains(2, await stream.NumbersUntilAsync(2));
        await Eventually.TrueAsync(async () => told || (await listening.WaitAsync(TimeSpan.FromSeconds(1), Cancellation) && told));
    }
}
