using System.Globalization;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>Mosquitto holds what it acknowledged, through its own restart too; and hands it to several instances of ingestion.</summary>
[Collection("Servers are killed here")]
public sealed class BrokerTests(ITestOutputHelper output)
{
    private const string Ingested = "telemetry_ingested_total";

    [Fact]
    public async Task The_broker_is_restarted_with_ingestion_at_work_and_with_ingestion_away()
    {
        await using var sink = new Sink();
        await using var broker = await PersistentBroker.StartAsync();
        await using var first = await PersistentBroker.IngestionAsync(1);
        await using var traffic = await Traffic.StartAsync(sink, PersistentBroker.Port);
        await traffic.StoredMoreAsync(500);
        await PersistentBroker.RestartAsync();
        await traffic.StoredMoreAsync(500);

        await first.KillAsync();
        await traffic.AcknowledgedMoreAsync(500);
        await PersistentBroker.RestartAsync();
        await traffic.AcknowledgedMoreAsync(100);
        await using var second = await PersistentBroker.IngestionAsync(1);
        await traffic.StoredMoreAsync(500);
        await EndsExactAsync(traffic);
        Assert.All(traffic.Sources.Cast<NumberedDevice>(), device => Assert.True(device.Reconnects >= 2));
    }

    [Fact]
    public async Task Instances_share_the_load_while_one_is_added_one_stopped_and_one_killed()
    {
        await using var sink = new Sink();
        await using var broker = await PersistentBroker.StartAsync();
        await using var stopped = await PersistentBroker.IngestionAsync(1, shared: true);
        await using var killed = await PersistentBroker.IngestionAsync(2, shared: true);
        await using var traffic = await Traffic.StartAsync(sink, PersistentBroker.Port);
        await traffic.StoredMoreAsync(500);
        await using var added = await PersistentBroker.IngestionAsync(3, shared: true);
        await Eventually.TrueAsync(async () =>
            await CountAsync(stopped, Ingested) > 500 && await CountAsync(killed, Ingested) > 500 && await CountAsync(added, Ingested) > 500, seconds: 60);

        await stopped.StopAsync();
        await traffic.StoredMoreAsync(500);
        await killed.KillAsync();
        await traffic.StoredMoreAsync(500);
        // Their shares, with what was in flight to the one that was killed, are given to nobody else, and wait for them.
        await using var stoppedAgain = await PersistentBroker.IngestionAsync(1, shared: true);
        await using var killedAgain = await PersistentBroker.IngestionAsync(2, shared: true);
        await EndsExactAsync(traffic);
    }

    [Fact]
    public async Task What_an_instance_had_is_doubled_by_at_most_what_was_in_flight_to_it_wherever_it_comes_again()
    {
        await using var sink = new Sink();
        await using var broker = await PersistentBroker.StartAsync();
        var instances = new[] { await PersistentBroker.IngestionAsync(1, shared: true), await PersistentBroker.IngestionAsync(2, shared: true) };
        await using var traffic = await Traffic.StartAsync(sink, PersistentBroker.Port);
        var (kills, redelivered) = (0, 0d);
        foreach (var number in new[] { 1, 2, 1, 2 })
        {
            await traffic.StoredMoreAsync(500);
            await instances[number - 1].KillAsync();
            kills++;
            await traffic.StoredMoreAsync(100);
            instances[number - 1] = await PersistentBroker.IngestionAsync(number, shared: true);
            await traffic.StoredMoreAsync(100);
            redelivered += await CountAsync(instances[number - 1], "telemetry_redelivered_total");
        }

        var stored = await traffic.SettleAsync();
        var doubled = stored.Copies.Where(copy => copy.Value > 1).ToArray();
        output.WriteLine($"{traffic.Acknowledged} acknowledged, {kills} kills, {redelivered} redelivered, {doubled.Length} doubled");
        Assert.DoesNotContain(doubled, copy => traffic.Sources.Any(device => device.WithTime && device.Device.Id == copy.Key.Device));
        Assert.InRange(stored.Rows - stored.Copies.Count, 0, kills * PersistentBroker.InFlight);
        Assert.Equal("", stored.Rejected);
        Assert.Equal(new Usage(stored.Rows, stored.Rows, stored.Bytes), stored.Usage);
        foreach (var instance in instances)
        {
            await instance.DisposeAsync();
        }
    }

    private async Task EndsExactAsync(Traffic traffic)
    {
        await traffic.EndsExactAsync();
        output.WriteLine($"{traffic.Acknowledged} acknowledged of {traffic.Sources.Sum(device => device.Published)}");
    }

    private static async Task<double> CountAsync(Instance instance, string counter)
    {
        using var http = new HttpClient();
        var metrics = await http.GetStringAsync(new Uri(instance.Address, "/metrics"), TestContext.Current.CancellationToken);
        return metrics.Split('\n').Where(line => line.StartsWith(counter, StringComparison.Ordinal))
            .Sum(line => double.Parse(line[(line.LastIndexOf('}') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], CultureInfo.InvariantCulture));
    }
}
