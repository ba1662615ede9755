using System.Globalization;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.TelemetryQuery.Tests.Streams;

/// <summary>What a stream shows while nothing is disturbed, and to whom. Not beside the tests that disturb all streams.</summary>
[Collection("Streams")]
public sealed class LiveTests(QueryHost host)
{
    private readonly Plant _plant = new(host);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Feed Feed => new(host, _plant.Tenant);

    [Fact]
    public async Task A_reading_is_told_once_as_it_is_stored_and_says_all()
    {
        var device = await _plant.AddDeviceAsync();
        await Feed.StoreSilentlyAsync(device, -1, DateTimeOffset.UtcNow.AddSeconds(-2));
        await using var stream = await OpenedStream.OpenAsync(_plant.Reader);
        await Feed.TellAsync(device, 1, new DateTimeOffset(2026, 2, 15, 12, 0, 0, 250, TimeSpan.Zero));
        var told = await stream.NextAsync("reading");
        Assert.Equal($$$"""{"device_id":"{{{device}}}","slot":0,"value":{"value":1},"timestamp":"2026-02-15T12:00:00.25Z"}""", told.Data);
        Assert.InRange(
            DateTimeOffset.UnixEpoch.AddMicroseconds(long.Parse(told.EventId!, CultureInfo.InvariantCulture)),
            DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddMinutes(1));

        // Stored while it is open, and announced to nobody: ingestion did not know yet. The stream looks for it, and at what it was told.
        await Feed.TellAsync(device, 2);
        await Feed.StoreSilentlyAsync(device, 3);
        Assert.Equal([2, 3], await stream.NumbersUntilAsync(3));
        await Feed.TellAsync(device, 4);
        Assert.Equal([4], await stream.NumbersUntilAsync(4));
    }

    [Fact]
    public async Task Devices_are_told_apart_and_tenants_too()
    {
        var label = Plant.NewLabel();
        var (pump, press, fan) = (await _plant.AddDeviceAsync(label), await _plant.AddDeviceAsync(), await _plant.AddDeviceAsync());
        var other = new Plant(host);
        var foreign = await other.AddDeviceAsync();
        await using var byLabel = await OpenedStream.OpenAsync(_plant.Reader, $"device_label={label}");
        await using var byId = await OpenedStream.OpenAsync(_plant.Reader, $"device_id={press}");
        await using var byIds = await OpenedStream.OpenAsync(_plant.Reader, $"device_ids={pump},{foreign}&device_ids={press}");
        await using var all = await OpenedStream.OpenAsync(_plant.Reader);
        await using var others = await OpenedStream.OpenAsync(other.Reader);
        Assert.Equal("{}", all.First.Data);
        Assert.Equal($$"""{"not_found":["{{foreign}}"]}""", byIds.First.Data);

        var foreignFeed = new Feed(host, other.Tenant);
        await foreignFeed.TellAsync(foreign, 10);
        // Claimed back and forth: the same device in both tenants, each with its own readings.
        await foreignFeed.TellAsync(pump, 11);
        await Feed.TellAsync(pump, 1);
        await Feed.TellAsync(press, 2);
        await Feed.TellAsync(fan, 3);
        foreach (var device in new[] { pump, press, fan })
        {
            await Feed.TellAsync(device, 99);
        }

        await foreignFeed.TellAsync(foreign, 99);
        Assert.Equal([1, 99], await byLabel.NumbersUntilAsync(99));
        Assert.Equal([2, 99], await byId.NumbersUntilAsync(99));
        Assert.Equal([1, 2, 99], await byIds.NumbersUntilAsync(99));
        Assert.Equal([1, 2, 3, 99], await all.NumbersUntilAsync(99));
        Assert.Equal([10, 11, 99], await others.NumbersUntilAsync(99));
    }

    [Fact]
    public async Task A_late_reading_is_told_live_and_a_value_that_did_not_fit_is_read()
    {
        var device = await _plant.AddDeviceAsync();
        await using var first = await OpenedStream.OpenAsync(_plant.Reader);
        await using var second = await OpenedStream.OpenAsync(_plant.Reader, $"device_id={device}");
        await Feed.TellAsync(device, 1, DateTimeOffset.UtcNow.AddDays(-3));
        await Feed.StoreAsync(device, 2, null, announced: true, valueFits: false);
        // Another tenant's reading that is said to be ours: there is none to be read.
        await Feed.AnnounceAsync($$"""{"tenant":"{{_plant.Tenant}}","readings":[{"device":"{{device}}","slot":9,"time":1,"received":1}]}""");
        await Feed.TellAsync(device, 3);
        Assert.Equal([1, 2, 3], await first.NumbersUntilAsync(3));
        Assert.Equal([1, 2, 3], await second.NumbersUntilAsync(3));
    }

    [Fact]
    public async Task Tenants_are_said_to_be_followed_while_a_stream_is_open()
    {
        var told = new System.Collections.Concurrent.ConcurrentQueue<string>();
        await using var listening = await Feed.ListenAsync(told.Enqueue);
        await using (await OpenedStream.OpenAsync(_plant.Reader))
        {
            for (var times = 0; times < 2; times = told.Count(tenant => tenant == _plant.Tenant.ToString()))
            {
                Assert.True(await listening.WaitAsync(TimeSpan.FromSeconds(30), Cancellation), "It is not said again");
            }
        }
    }

    [Fact]
    public async Task What_cannot_be_followed_is_refused()
    {
        var device = await _plant.AddDeviceAsync();
        var nobody = Guid.CreateVersion7();
        foreach (var (query, field) in new[]
        {
            ($"device_id={device}&device_label=x", "device_id"), ($"device_id={device}&device_ids={device}", "device_ids"), ("device_ids=", "device_ids"),
            ("device_ids=x", "device_ids"), ($"device_ids={device},", "device_ids"), ("last_event_id=x", "last_event_id"), ("last_event_id=-1", "last_event_id"),
            ("last_event_id=9223372036854775807", "last_event_id"), ("device_label=", "device_id"),
            ($"device_ids={string.Join(',', Enumerable.Range(0, 201).Select(_ => Guid.NewGuid()))}", "device_ids"),
        })
        {
            var envelope = await Envelope.AssertAsync(await _plant.Reader.GetAsync($"/telemetry/stream?{query}", Cancellation), 400, "bad_request");
            Assert.True(envelope.GetProperty("details").TryGetProperty(field, out _), $"{query}: {envelope}");
        }

        foreach (var query in new[] { $"device_id={nobody}", "device_label=nobody", "device_label=%00" })
        {
            await Envelope.AssertAsync(await _plant.Reader.GetAsync($"/telemetry/stream?{query}", Cancellation), 404, "not_found");
        }

        await Envelope.AssertAsync(await host.As(_plant.Tenant, permissions: "telemetry:write").GetAsync("/telemetry/stream", Cancellation), 403, "forbidden");
    }
}
