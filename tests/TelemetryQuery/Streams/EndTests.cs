using System.Text.Json;
using EasySmart.Hosting;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace EasySmart.TelemetryQuery.Tests.Streams;

/// <summary>How a stream lives on, and how it ends.</summary>
[Collection("Streams")]
public sealed class EndTests(QueryHost host)
{
    private readonly Plant _plant = new(host);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_silent_stream_pings_and_its_position_moves_on_and_after_an_hour_it_ends()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var own = new OwnHost(host.Settings) { Clock = clock };
        await own.InitializeAsync();
        await using var stream = await OpenedStream.OpenAsync(Reader(own));
        var position = stream.First.EventId;
        await Eventually.TrueAsync(async () =>
        {
            clock.Advance(TimeSpan.FromSeconds(15));
            return (await stream.NextAsync("ping")).EventId != position;
        });
        clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal("expired", CodeOf((await stream.NextAsync("end")).Data));
        await Assert.ThrowsAsync<InvalidOperationException>(() => stream.NextAsync("ping"));
    }

    [Fact]
    public async Task A_service_that_stops_says_so_to_every_stream_and_opens_no_other()
    {
        await using var own = new OwnHost(host.Settings);
        await own.InitializeAsync();
        await using var first = await OpenedStream.OpenAsync(Reader(own));
        await using var second = await OpenedStream.OpenAsync(Reader(own));
        own.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        Assert.Equal("stopping", CodeOf((await first.NextAsync("end")).Data));
        Assert.Equal("stopping", CodeOf((await second.NextAsync("end")).Data));
    }

    [Fact]
    public async Task Who_does_not_read_is_told_so_and_cut_off()
    {
        // Time stands still, or a busy machine would use up what the slow one has left to read why.
        await using var own = new OwnHost(host.Settings) { Clock = new FakeTimeProvider(DateTimeOffset.UtcNow) };
        await own.InitializeAsync();
        var (device, feed) = (await _plant.AddDeviceAsync(), new Feed(host, _plant.Tenant));
        await using var slow = await OpenedStream.OpenUnreadAsync(Reader(own));
        await using var other = await OpenedStream.OpenAsync(Reader(own));
        // As much as lies in the sockets' buffers, and more than the stream holds; little enough at once for whoever does read.
        for (var first = 0; first < 18_000; first += 2_000)
        {
            await feed.AnnounceManyAsync(device, first, 2_000, characters: first < 6_000 ? 7_000 : 1);
            for (var i = 0; i < 2_000; i++)
            {
                await other.NextAsync("reading");
            }
        }

        slow.Read();
        Assert.Equal("slow_reader", CodeOf((await slow.NextAsync("end")).Data));
        await Assert.ThrowsAsync<InvalidOperationException>(() => slow.NextAsync("ping"));
        await feed.TellAsync(device, 1);
        Assert.Equal(1, await other.NextNumberAsync());
        Assert.Contains("telemetry_stream_dropped_total{", await own.Direct().GetStringAsync("/metrics", Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_streams_hold_no_connection_to_the_database()
    {
        await using var own = new OwnHost(host.Settings) { Database = host.Settings["ConnectionStrings:Database"] + ";Maximum Pool Size=2" };
        await own.InitializeAsync();
        var device = await _plant.AddDeviceAsync();
        var streams = new List<OpenedStream>();
        for (var i = 0; i < 10; i++)
        {
            streams.Add(await OpenedStream.OpenAsync(Reader(own), $"device_id={device}"));
        }

        await new Feed(host, _plant.Tenant).TellAsync(device, 1);
        foreach (var stream in streams)
        {
            Assert.Equal(1, await stream.NextNumberAsync());
            await stream.DisposeAsync();
        }

        await Eventually.TrueAsync(async () =>
            (await own.Direct().GetStringAsync("/metrics", Cancellation)).Split('\n').Single(line => line.StartsWith("telemetry_stream_open", StringComparison.Ordinal)) is var open
            && open.Split(' ')[1] == "0");
    }

    private HttpClient Reader(OwnHost own) => own.As(_plant.Tenant, permissions: "telemetry:read");

    private static string? CodeOf(string end) => JsonSerializer.Deserialize<JsonElement>(end).GetProperty("code").GetString();

    /// <summary>A service of a test's own on the same database.</summary>
    private sealed class OwnHost(IEnumerable<KeyValuePair<string, string?>> settings) : ServiceHost<Program>("telemetry-query")
    {
        public TimeProvider Clock { get; init; } = TimeProvider.System;

        public string? Database { get; init; }

        protected override Task PrepareAsync()
        {
            foreach (var (key, value) in settings)
            {
                Settings[key] = key == "ConnectionStrings:Database" ? Database ?? value : value;
            }

            return Task.CompletedTask;
        }

        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            base.ConfigureWebHost(builder);
            builder.ConfigureServices(services => services.AddSingleton(Clock));
        }
    }
}
