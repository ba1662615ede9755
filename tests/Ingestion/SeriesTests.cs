using EasySmart.Hosting;

namespace EasySmart.Ingestion.Tests;

/// <summary>Many readings in one message, and readings that come late.</summary>
public sealed class SeriesTests(IngestionHost host)
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UtcNow.AddHours(-2);
    private readonly Guid _tenant = Guid.CreateVersion7();

    [Fact]
    public async Task One_message_makes_many_rows_and_counts_as_one()
    {
        await using var own = await new ScriptedHost().StartAsync();
        var device = own.Owner.Put(_tenant);
        var series = $"[{string.Join(',', Enumerable.Range(0, 500).Select(i => Element(i, $"{i}")))}]";
        await own.Wire.DeliverAsync(1, device.Topic(), series);
        // Told again without a mark, as by a device that has not heard of its acknowledgement.
        await own.Wire.DeliverAsync(2, device.Topic(), series);
        await own.Wire.DeliverAsync(3, device.Topic(), $"[{Element(499, "499")},{Element(500, "500")}]");
        await Eventually.TrueAsync(() => Task.FromResult(own.Wire.Acknowledged.Count == 3));
        Assert.Equal(501, await own.ReadingsOfAsync(device));
        Assert.Equal(500, await own.ScalarAsync<double>("SELECT value FROM latest WHERE device_id = $1", device.DeviceId));
        Assert.Equal((2, 501), await own.ToldUsageAsync());
        Assert.Equal("", await own.RejectionsOfAsync(device));
    }

    [Fact]
    public async Task A_reading_that_cannot_be_stored_is_refused_without_its_neighbours()
    {
        var device = host.Owner.Put(_tenant);
        await host.Broker.PublishAsync((
            device.Topic(),
            $$"""[{{Element(0, "1")}},{"ts":"soon","value":2},{"ts":{{Start.AddHours(3).ToUnixTimeMilliseconds()}},"value":3},{"ts":1,"value":4},{{Element(0, "5")}},{{Element(1, "{\"deep\":6}")}}]"""));
        await host.HasReadingsAsync(device, 2);
        await Eventually.TrueAsync(async () =>
            await host.RejectionsOfAsync(device) == "bad_timestamp=1 conflict=1 timestamp_in_future=1 timestamp_too_old=1");
        Assert.Equal(Element(1, "{\"deep\":6}").Replace(" ", "", StringComparison.Ordinal), (await host.ScalarAsync<string>(
            "SELECT jsonb_build_object('ts', payload -> 'ts', 'value', payload -> 'value')::text FROM latest WHERE device_id = $1", device.DeviceId))!
            .Replace(" ", "", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_flood_of_late_readings_loses_none_and_live_ones_go_on()
    {
        // The smallest lane, so that it is full at once: what is late waits, and nothing is refused.
        await using var own = await new ScriptedHost
        {
            Special = { ["Ingestion:BatchRows"] = "50", ["Ingestion:LateMessages"] = "20", ["Ingestion:LateMessagesPerSecond"] = "1" },
        }.StartAsync();
        var (gateway, machine) = (own.Owner.Put(_tenant), own.Owner.Put(_tenant));
        ushort packet = 0;
        for (var i = 0; i < 1000; i++)
        {
            await own.Wire.DeliverAsync(++packet, gateway.Topic(i % 5), Element(i, $"{i}"));
            await own.Wire.DeliverAsync(++packet, machine.Topic(), $$"""{"value":{{i}}}""");
        }

        await Eventually.TrueAsync(() => Task.FromResult(own.Wire.Acknowledged.Count == 2000));
        Assert.Equal((1000, 1000), (await own.ReadingsOfAsync(gateway), await own.ReadingsOfAsync(machine)));
        Assert.Equal(Enumerable.Range(1, 1000).Select(i => (ushort)(2 * i)), own.Wire.Acknowledged.Where(id => id % 2 == 0));
        Assert.Equal(2000, own.Wire.Acknowledged.Distinct().Count());
    }

    private static string Element(int second, string value) => $$"""{"ts":{{Start.AddSeconds(second).ToUnixTimeMilliseconds()}},"value":{{value}}}""";
}
