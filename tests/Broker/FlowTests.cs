using MQTTnet;
using MQTTnet.Formatter;

namespace EasySmart.Broker.Tests;

/// <summary>Receive Maximum, full queues, and publishers that wait.</summary>
public class FlowTests
{
    private const string Topic = "tenants/t1/devices/d1/telemetry/slot/0";

    [Theory]
    [InlineData(MqttProtocolVersion.V500, 20_000)]
    [InlineData(MqttProtocolVersion.V311, 2_000)] // cannot say how many: Broker:DefaultReceiveMaximum
    public async Task No_more_is_outstanding_than_the_client_allowed(MqttProtocolVersion version, int messages)
    {
        await using var broker = await TestBroker.StartAsync(("DefaultReceiveMaximum", 10));
        using var subscriber = await broker.ConnectAsync(TestBroker.Ingestion, TestBroker.Ingestion, version, manualAck: true, with: o =>
        {
            o.WithKeepAlivePeriod(TimeSpan.FromSeconds(1));
            _ = version == MqttProtocolVersion.V500 ? o.WithReceiveMaximum(10) : o;
        });
        await subscriber.SubscribeAsync("tenants/+/devices/+/telemetry/#");
        using var publisher = await broker.ConnectAsync("d1");
        await PublishManyAsync(publisher, 0, messages);

        // All are queued, the window is full, and still PINGRESP comes.
        Assert.Equal(messages, broker.Session(TestBroker.Ingestion).Depth);
        await Eventually.TrueAsync(() => subscriber.Messages.Count >= 10);
        await subscriber.PingAsync();
        Assert.Equal(10, subscriber.Messages.Count);

        var acknowledged = 0;
        var most = 0;
        while (acknowledged < messages)
        {
            if (!subscriber.Messages.TryDequeue(out var message))
            {
                await Task.Yield();
                continue;
            }

            Assert.Equal(acknowledged.ToString(System.Globalization.CultureInfo.InvariantCulture), message.Payload);
            most = Math.Max(most, subscriber.Messages.Count + 1);
            await message.Args.AcknowledgeAsync(TestContext.Current.CancellationToken);
            acknowledged++;
        }

        await subscriber.PingAsync();
        Assert.InRange(most, 1, 10);
        Assert.False(subscriber.IsDisconnected);
        Assert.Equal(0, broker.Session(TestBroker.Ingestion).Depth);
    }

    [Fact]
    public async Task A_session_that_is_gated_may_go_and_come_back()
    {
        await using var broker = await TestBroker.StartAsync();
        using var publisher = await broker.ConnectAsync("d1");
        using (var first = await broker.IngestionAsync(receiveMaximum: 5, manualAck: true))
        {
            await PublishManyAsync(publisher, 0, 100);
            await Eventually.TrueAsync(() => first.Messages.Count == 5);
            first.Kill();
        }

        await Eventually.TrueAsync(() => broker.Connections.Count == 1);
        using var second = await broker.IngestionAsync(receiveMaximum: 3, manualAck: true, subscribe: false);
        await Eventually.TrueAsync(() => second.Messages.Count == 3);
        await second.PingAsync();
        Assert.Equal(3, second.Messages.Count);
        var got = await AcknowledgeAsync(second, 100);
        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"{i}"), got.Select(m => m.Payload));
        Assert.Equal(5, got.Count(m => m.Dup));
    }

    [Fact]
    public async Task Publishers_wait_while_a_service_s_queue_is_full_and_nothing_is_dropped()
    {
        await using var broker = await TestBroker.StartAsync(("ServiceQueueLength", 1_000));
        using var ingestion = await broker.IngestionAsync(receiveMaximum: 10, manualAck: true);
        using var publisher = await broker.ConnectAsync("d1", with: o => o.WithKeepAlivePeriod(TimeSpan.FromSeconds(1)));
        await PublishManyAsync(publisher, 0, 900);
        var late = Enumerable.Range(900, 50).Select(i => publisher.PublishAsync(Topic, $"{i}")).ToArray();
        await Eventually.TrueAsync(() => broker.Metrics.PublishersHeld == 1);
        Assert.DoesNotContain(late, t => t.IsCompleted);
        Assert.Equal(900, broker.Session(TestBroker.Ingestion).Depth);

        // Only what goes to that queue waits, and the one who waits is still heard.
        await publisher.PingAsync();
        using var other = await broker.ConnectAsync("free");
        await other.PublishAsync("elsewhere", "");

        var got = await AcknowledgeAsync(ingestion, 950);
        await Task.WhenAll(late);
        Assert.Equal(Enumerable.Range(0, 950).Select(i => $"{i}"), got.Select(m => m.Payload));
        Assert.Equal(0, broker.Metrics.PublishersHeld);
        Assert.DoesNotContain("messages_dropped", await broker.Http.GetStringAsync("/metrics", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_waiting_publisher_may_leave_and_sends_again_what_was_not_acknowledged()
    {
        await using var broker = await TestBroker.StartAsync(("HoldUntilSession", TestBroker.Ingestion));
        var publisher = await broker.ConnectAsync("d1");
        _ = publisher.PublishAsync(Topic, "unacknowledged");
        await Eventually.TrueAsync(() => broker.Metrics.PublishersHeld == 1);
        publisher.Kill();
        await Eventually.TrueAsync(() => broker.Metrics.PublishersHeld == 0 && broker.Connections.Count == 0);
        using var again = await broker.ConnectAsync("d1");
        var publish = again.PublishAsync(Topic, "again");
        using var ingestion = await broker.IngestionAsync();
        await publish;
        await Eventually.TrueAsync(() => !ingestion.Messages.IsEmpty);
        Assert.Equal("again", Assert.Single(ingestion.Messages).Payload);
    }

    [Theory]
    [InlineData(MqttProtocolVersion.V311)]
    [InlineData(MqttProtocolVersion.V500)]
    public async Task Telemetry_waits_for_the_session_that_must_hold_it(MqttProtocolVersion version)
    {
        await using var broker = await TestBroker.StartAsync(("HoldUntilSession", TestBroker.Ingestion));
        using var bystander = await broker.ConnectAsync("free");
        await bystander.SubscribeAsync("#");
        using var device = await broker.ConnectAsync("d1", version: version, with: o => o.WithKeepAlivePeriod(TimeSpan.FromSeconds(1)));
        await device.PublishAsync("tenants/t1/devices/d1/status", "not telemetry, not held");
        var zero = await device.PublishAsync(Topic, "0", qos: 0);
        var one = device.PublishAsync(Topic, "1");
        var two = device.PublishAsync(Topic, "2", qos: 2);
        await Eventually.TrueAsync(() => broker.Metrics.PublishersHeld == 1);

        using var ingestion = await broker.IngestionAsync(subscribe: false);
        await device.PingAsync();
        Assert.False(one.IsCompleted || two.IsCompleted); // connected is not subscribed

        // Longer than one and a half keep-alives: the client's own pings are answered all the while.
        using var silent = await broker.RawAsync();
        await silent.GetStream().WriteAsync(Raw.Connect("silent", "d1", keepAlive: 1), TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => broker.Connections.Count == 4);
        await Eventually.TrueAsync(() => broker.Connections.Count == 3);
        Assert.False(device.IsDisconnected || one.IsCompleted);

        await ingestion.SubscribeAsync("tenants/+/devices/+/telemetry/#");
        await Task.WhenAll(one, two);
        await Eventually.TrueAsync(() => ingestion.Messages.Count == 3);
        Assert.Equal([("0", 1), ("1", 1), ("2", 1)], ingestion.Messages.Select(m => (m.Payload, m.QoS)));
    }

    [Fact]
    public async Task A_QoS_0_flood_that_leaves_at_once_is_kept_for_the_session_that_must_hold_it()
    {
        await using var broker = await TestBroker.StartAsync(("HoldUntilSession", TestBroker.Ingestion));
        await Raw.SayAndLeaveAsync(
            broker, [.. Raw.Connect("raw", "d1"), .. Enumerable.Range(0, 1_000).SelectMany(i => Raw.Publish(Topic, $"{i}")), 0xE0, 0]);
        await Eventually.TrueAsync(() => broker.Connections.Count == 0);
        using var ingestion = await broker.IngestionAsync();
        await Eventually.TrueAsync(() => ingestion.Messages.Count == 1_000);
        Assert.Equal(Enumerable.Range(0, 1_000).Select(i => $"{i}"), ingestion.Messages.Select(m => m.Payload));
    }

    [Fact]
    public async Task A_client_that_floods_while_it_waits_is_not_blamed_for_the_silence_and_loses_nothing()
    {
        await using var broker = await TestBroker.StartAsync(("HoldUntilSession", TestBroker.Ingestion));
        using var flood = await broker.RawAsync();
        byte[] bytes =
            [.. Raw.Connect("flood", "d1", keepAlive: 1), .. Enumerable.Range(0, 300).SelectMany(i => Raw.Publish(Topic, $"{i}"))];
        await flood.GetStream().WriteAsync(bytes, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => broker.Metrics.PublishersHeld == 1);

        // By the time that one as silent is closed, this one would have been, too.
        using var silent = await broker.RawAsync();
        await silent.GetStream().WriteAsync(Raw.Connect("silent", "d1", keepAlive: 1), TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => broker.Connections.Count == 2);
        await Eventually.TrueAsync(() => broker.Connections.Count == 1);

        using var ingestion = await broker.IngestionAsync();
        await Eventually.TrueAsync(() => ingestion.Messages.Count == 300);
    }

    [Fact]
    public async Task A_device_that_does_not_read_its_commands_loses_the_newest_and_it_is_counted()
    {
        await using var broker = await TestBroker.StartAsync(("DeviceQueueLength", 10));
        void Persistent(MqttClientOptionsBuilder o) => o.WithCleanStart(false).WithSessionExpiryInterval(600);
        using (var device = await broker.ConnectAsync("d1", "d1", with: Persistent))
        {
            await device.SubscribeAsync("tenants/t1/devices/d1/commands/#");
            await device.DisconnectAsync();
        }

        using var publisher = await broker.ConnectAsync("free");
        for (var i = 0; i < 15; i++)
        {
            await publisher.PublishAsync("tenants/t1/devices/d1/commands/go", $"{i}");
        }

        var metrics = await broker.Http.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        Assert.Contains("easysmart_broker_messages_dropped_total{otel_scope_name=\"EasySmart.Broker\",reason=\"queue_full\"} 5", metrics);
        using var back = await broker.ConnectAsync("d1", "d1", with: Persistent);
        await Eventually.TrueAsync(() => back.Messages.Count == 10);
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{i}"), back.Messages.Select(m => m.Payload));
    }

    private static async Task PublishManyAsync(TestClient publisher, int from, int count)
    {
        foreach (var some in Enumerable.Range(from, count).Chunk(50))
        {
            await Task.WhenAll(some.Select(i => publisher.PublishAsync(Topic, $"{i}")));
        }
    }

    private static async Task<List<Received>> AcknowledgeAsync(TestClient client, int count)
    {
        List<Received> got = [];
        while (got.Count < count)
        {
            await Eventually.TrueAsync(() => !client.Messages.IsEmpty);
            while (client.Messages.TryDequeue(out var message))
            {
                got.Add(message);
                await message.Args.AcknowledgeAsync(TestContext.Current.CancellationToken);
            }
        }

        return got;
    }
}
