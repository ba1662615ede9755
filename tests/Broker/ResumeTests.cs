using System.Collections.Concurrent;
using System.Globalization;

namespace EasySmart.Broker.Tests;

/// <summary>Ingestion is killed: what it has not acknowledged comes again.</summary>
public class ResumeTests
{
    private const string Topic = "tenants/t1/devices/d1/telemetry/slot/0";

    [Fact]
    public async Task What_was_in_flight_comes_again_with_DUP_and_its_identifier_and_what_was_queued_comes_after_it()
    {
        await using var broker = await TestBroker.StartAsync();
        using var device = await broker.ConnectAsync("d1");
        List<(string, ushort)> inFlight;
        int acknowledged;
        using (var first = await broker.IngestionAsync(receiveMaximum: 20, manualAck: true))
        {
            await Task.WhenAll(Enumerable.Range(0, 90).Select(i => device.PublishAsync(Topic, $"{i}")));
            await Eventually.TrueAsync(() => first.Messages.Count == 20);
            // Acknowledged out of order: the rest keeps its order.
            var early = first.Messages.ElementAt(7);
            acknowledged = int.Parse(early.Payload, CultureInfo.InvariantCulture);
            await early.Args.AcknowledgeAsync(TestContext.Current.CancellationToken);
            await Eventually.TrueAsync(() => first.Messages.Count == 21);
            inFlight = [.. first.Messages.Where((_, i) => i != 7).Select(m => (m.Payload, m.Id))];
            first.Kill();
        }

        await Task.WhenAll(Enumerable.Range(90, 10).Select(i => device.PublishAsync(Topic, $"{i}")));
        using var second = await broker.IngestionAsync(subscribe: false);
        Assert.True(second.Connected!.IsSessionPresent);
        await Eventually.TrueAsync(() => second.Messages.Count == 99);
        Assert.Equal(inFlight, second.Messages.Where(m => m.Dup).Select(m => (m.Payload, m.Id)));
        Assert.True(second.Messages.Take(20).All(m => m.Dup));
        Assert.Equal(
            Enumerable.Range(0, 100).Where(i => i != acknowledged),
            second.Messages.Select(m => int.Parse(m.Payload, CultureInfo.InvariantCulture)).Order());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Nothing_is_lost_however_often_it_is_killed_under_load(int qos)
    {
        await using var broker = await TestBroker.StartAsync(("HoldUntilSession", TestBroker.Ingestion));
        const int Devices = 8;
        const int Each = 500;
        var seen = new ConcurrentDictionary<string, int>();
        var devices = Enumerable.Range(1, Devices).Select(async d =>
        {
            using var device = await broker.ConnectAsync("d" + d);
            for (var i = 0; i < Each; i++)
            {
                await device.PublishAsync($"tenants/t1/devices/d{d}/telemetry/slot/0", $"{d}:{i}", qos);
            }

            await device.PingAsync();
        }).ToArray();

        var kills = 0;
        while (seen.Count < Devices * Each)
        {
            using var ingestion = await broker.IngestionAsync(
                receiveMaximum: 50, onMessage: m => seen.AddOrUpdate(m.Payload, 1, (_, n) => n + 1));
            var next = seen.Count + 200;
            await Eventually.TrueAsync(() => seen.Count >= Math.Min(next, Devices * Each));
            ingestion.Kill();
            kills++;
        }

        await Task.WhenAll(devices);
        Assert.Equal(Devices * Each, seen.Count);
        Assert.InRange(kills, 5, 1_000);
    }

    [Fact]
    public async Task A_session_that_is_taken_over_goes_on_at_the_new_connection()
    {
        await using var broker = await TestBroker.StartAsync();
        using var device = await broker.ConnectAsync("d1");
        using var first = await broker.IngestionAsync(receiveMaximum: 5, manualAck: true);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => device.PublishAsync(Topic, $"{i}")));
        await Eventually.TrueAsync(() => first.Messages.Count == 5);
        using var second = await broker.IngestionAsync(subscribe: false);
        await Eventually.TrueAsync(() => second.Messages.Count == 20 && first.IsDisconnected);
        Assert.Equal(MQTTnet.MqttClientDisconnectReason.SessionTakenOver, first.DisconnectReason);
        Assert.Equal(2, broker.Connections.Count);
    }

    [Fact]
    public async Task A_clean_start_ends_the_old_session_and_publishers_wait_for_the_new_one()
    {
        await using var broker = await TestBroker.StartAsync(("HoldUntilSession", TestBroker.Ingestion));
        using var device = await broker.ConnectAsync("d1");
        using var old = await broker.IngestionAsync();
        await device.PublishAsync(Topic, "to the old");
        await Eventually.TrueAsync(() => old.Messages.Count == 1);
        using var clean = await broker.ConnectAsync(TestBroker.Ingestion, TestBroker.Ingestion);
        Assert.False(clean.Connected!.IsSessionPresent);
        var publish = device.PublishAsync(Topic, "to the new");
        await Eventually.TrueAsync(() => broker.Metrics.PublishersHeld == 1);
        await clean.SubscribeAsync("tenants/+/devices/+/telemetry/#");
        await publish;
        await Eventually.TrueAsync(() => clean.Messages.Count == 1);
        Assert.Single(old.Messages);
    }

    [Fact]
    public async Task A_queue_longer_than_there_are_packet_identifiers_arrives_whole()
    {
        await using var broker = await TestBroker.StartAsync();
        using (var first = await broker.IngestionAsync())
        {
            first.Kill();
        }

        const int Messages = 70_000;
        using var device = await broker.ConnectAsync("d1");
        foreach (var some in Enumerable.Range(0, Messages).Chunk(100))
        {
            await Task.WhenAll(some.Select(i => device.PublishAsync(Topic, $"{i}")));
        }

        using var second = await broker.IngestionAsync(receiveMaximum: ushort.MaxValue, subscribe: false);
        await Eventually.TrueAsync(() => second.Messages.Count == Messages);
        Assert.Equal(Messages, second.Messages.Select(m => m.Payload).Distinct().Count());
        await Eventually.TrueAsync(() => broker.Session(TestBroker.Ingestion).Depth == 0);
    }

    [Fact]
    public async Task A_broker_that_stops_lets_ingestion_finish()
    {
        await using var broker = await TestBroker.StartAsync();
        using var ingestion = await broker.IngestionAsync(receiveMaximum: 10, manualAck: true);
        using var device = await broker.ConnectAsync("d1");
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => device.PublishAsync(Topic, $"{i}")));
        var stopping = broker.StopAsync();
        await Eventually.TrueAsync(() => device.IsDisconnected);
        for (var acknowledged = 0; acknowledged < 200;)
        {
            await Eventually.TrueAsync(() => !ingestion.Messages.IsEmpty);
            while (ingestion.Messages.TryDequeue(out var message))
            {
                await message.Args.AcknowledgeAsync(TestContext.Current.CancellationToken);
                acknowledged++;
            }
        }

        await stopping;
        await Eventually.TrueAsync(() => ingestion.IsDisconnected);
        Assert.Equal(MQTTnet.MqttClientDisconnectReason.ServerShuttingDown, ingestion.DisconnectReason);
    }
}
