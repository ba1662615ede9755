using System.Net.Sockets;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace EasySmart.Broker.Tests;

public class DeliveryTests
{
    [Theory]
    [InlineData(MqttProtocolVersion.V311)]
    [InlineData(MqttProtocolVersion.V500)]
    public async Task A_message_arrives_with_the_quality_that_was_subscribed(MqttProtocolVersion version)
    {
        await using var broker = await TestBroker.StartAsync();
        using var publisher = await broker.ConnectAsync("free", version: version);
        for (var granted = 0; granted <= 2; granted++)
        {
            using var subscriber = await broker.ConnectAsync("free", version: version);
            await subscriber.SubscribeAsync("q/#", granted);
            for (var sent = 0; sent <= 2; sent++)
            {
                await publisher.PublishAsync("q/" + sent, "x", sent);
            }

            await Eventually.TrueAsync(() => subscriber.Messages.Count == 3);
            Assert.All(subscriber.Messages, m => Assert.Equal(granted, m.QoS));
            Assert.Equal(["q/0", "q/1", "q/2"], subscriber.Messages.Select(m => m.Topic));
        }
    }

    [Fact]
    public async Task Subscriptions_match_by_level_and_not_topics_that_start_with_a_dollar()
    {
        await using var broker = await TestBroker.StartAsync();
        using var client = await broker.ConnectAsync("free");
        await client.SubscribeAsync("a/+/c");
        await client.SubscribeAsync("a/b/#");
        await client.SubscribeAsync("+/x");
        foreach (var topic in new[] { "a/b/c", "a/b", "a/z/c", "a/b/c/d", "q/x", "a/c", "/x" })
        {
            await client.PublishAsync(topic, "");
        }

        await client.UnsubscribeAsync("a/b/#");
        await client.PublishAsync("a/b/gone", "");
        await client.PublishAsync("end/x", "");
        await Eventually.TrueAsync(() => client.Messages.Any(m => m.Topic == "end/x"));
        Assert.Equal(
            ["/x", "a/b", "a/b/c", "a/b/c", "a/b/c/d", "a/z/c", "end/x", "q/x"],
            client.Messages.Select(m => m.Topic).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_retained_message_waits_for_whoever_comes_later()
    {
        await using var broker = await TestBroker.StartAsync();
        using var publisher = await broker.ConnectAsync("free");
        await publisher.PublishAsync("r/1", "kept", retain: true);
        await publisher.PublishAsync("r/2", "kept", retain: true);
        await publisher.PublishAsync("r/2", "", retain: true);
        using var late = await broker.ConnectAsync("free");
        await late.SubscribeAsync("r/#");
        await publisher.PublishAsync("r/1", "live", retain: true);
        await Eventually.TrueAsync(() => late.Messages.Count == 2);
        Assert.Equal([("kept", true), ("live", false)], late.Messages.Select(m => (m.Payload, m.Retain)));
    }

    [Fact]
    public async Task Who_comes_while_a_retained_message_changes_hears_the_newest_last()
    {
        await using var broker = await TestBroker.StartAsync();
        using var publisher = await broker.ConnectAsync("free");
        using var subscriber = await broker.ConnectAsync("free");
        for (var i = 0; i < 300; i++)
        {
            await publisher.PublishAsync("state/" + i, "old", retain: true);
            await Task.WhenAll(subscriber.SubscribeAsync("state/" + i), publisher.PublishAsync("state/" + i, "new", retain: true));
        }

        // Sent before PINGRESP is not handled before it: the client calls us from a queue of its own.
        await publisher.PublishAsync("state/299", "end");
        await Eventually.TrueAsync(() => subscriber.Messages.Any(m => m.Payload == "end"));
        Assert.All(subscriber.Messages.GroupBy(m => m.Topic), topic => Assert.Equal("new", topic.Last(m => m.Payload != "end").Payload));
    }

    [Fact]
    public async Task A_publisher_s_DUP_says_nothing_about_the_delivery_and_its_repeat_at_QoS_2_is_one_message()
    {
        await using var broker = await TestBroker.StartAsync();
        using var subscriber = await broker.ConnectAsync("free");
        await subscriber.SubscribeAsync("d");
        using var raw = await broker.RawAsync();
        var stream = raw.GetStream();
        byte[] bytes =
        [
            .. Raw.Connect("raw", "free"), .. Raw.Publish("d", "1", flags: 0b1010, id: 1),
            .. Raw.Publish("d", "2", flags: 0b0100, id: 2), .. Raw.Publish("d", "2", flags: 0b1100, id: 2),
            .. Raw.Publish("d", "3"),
        ];
        await stream.WriteAsync(bytes, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => subscriber.Messages.Any(m => m.Payload == "3"));
        Assert.Equal(["1", "2", "3"], subscriber.Messages.Select(m => m.Payload));
        Assert.All(subscriber.Messages, m => Assert.False(m.Dup));
    }

    [Fact]
    public async Task What_MQTT_5_says_beside_the_payload_goes_along()
    {
        await using var broker = await TestBroker.StartAsync();
        using var client = await broker.ConnectAsync("free");
        await client.SubscribeAsync("p");
        await client.PublishAsync(new MqttApplicationMessageBuilder().WithTopic("p").WithContentType("text/x").WithResponseTopic("back")
            .WithCorrelationData([1, 2]).WithUserProperty("k", "v"u8.ToArray()).WithMessageExpiryInterval(100)
            .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build());
        await Eventually.TrueAsync(() => client.Messages.Count == 1);
        var m = client.Messages.Single().Args.ApplicationMessage;
        Assert.Equal(("text/x", "back", "k"), (m.ContentType, m.ResponseTopic, m.UserProperties.Single().Name));
        Assert.InRange(m.MessageExpiryInterval, 1U, 100U);
    }

    [Fact]
    public async Task A_topic_alias_stands_for_its_topic()
    {
        await using var broker = await TestBroker.StartAsync();
        using var client = await broker.ConnectAsync("free");
        await client.SubscribeAsync("long/topic");
        await client.PublishAsync(new MqttApplicationMessageBuilder().WithTopic("long/topic").WithTopicAlias(3).WithPayload("1").Build());
        await client.PublishAsync(new MqttApplicationMessageBuilder().WithTopicAlias(3).WithPayload("2").Build());
        await Eventually.TrueAsync(() => client.Messages.Count == 2);
        Assert.All(client.Messages, m => Assert.Equal("long/topic", m.Topic));
    }

    [Theory]
    [InlineData(MqttProtocolVersion.V311)]
    [InlineData(MqttProtocolVersion.V500)]
    public async Task A_session_without_a_clean_start_keeps_what_came_meanwhile(MqttProtocolVersion version)
    {
        await using var broker = await TestBroker.StartAsync();
        void Persistent(MqttClientOptionsBuilder o) => _ = version == MqttProtocolVersion.V500
            ? o.WithCleanStart(false).WithSessionExpiryInterval(600)
            : o.WithCleanSession(false);
        using (var first = await broker.ConnectAsync("free", "stays", version, Persistent))
        {
            Assert.False(first.Connected!.IsSessionPresent);
            await first.SubscribeAsync("k");
            await first.DisconnectAsync();
        }

        using var publisher = await broker.ConnectAsync("free");
        await publisher.PublishAsync("k", "meanwhile");
        using var second = await broker.ConnectAsync("free", "stays", version, Persistent);
        Assert.True(second.Connected!.IsSessionPresent);
        await Eventually.TrueAsync(() => second.Messages.Count == 1);

        using var clean = await broker.ConnectAsync("free", "stays", version);
        Assert.False(clean.Connected!.IsSessionPresent);
        await Eventually.TrueAsync(() => second.IsDisconnected);
        Assert.Equal(MqttClientPublishReasonCode.NoMatchingSubscribers, (await publisher.PublishAsync("k", "nobody")).ReasonCode);
    }

    [Fact]
    public async Task Another_user_with_the_same_client_id_does_not_inherit_the_session()
    {
        await using var broker = await TestBroker.StartAsync();
        static void Persistent(MqttClientOptionsBuilder o) => o.WithCleanStart(false).WithSessionExpiryInterval(600);
        using (var first = await broker.ConnectAsync("d1", "same", with: Persistent))
        {
            await first.SubscribeAsync("tenants/t1/devices/d1/commands/#");
            await first.DisconnectAsync();
        }

        using var publisher = await broker.ConnectAsync("free");
        await publisher.PublishAsync("tenants/t1/devices/d1/commands/go", "for d1 alone");
        using var second = await broker.ConnectAsync("d2", "same", with: Persistent);
        Assert.False(second.Connected!.IsSessionPresent);
        await publisher.PublishAsync("tenants/t1/devices/d1/commands/go", "for d1 alone");
        await second.SubscribeAsync("tenants/t1/devices/d2/commands/#");
        await publisher.PublishAsync("tenants/t1/devices/d2/commands/go", "for d2");
        await Eventually.TrueAsync(() => !second.Messages.IsEmpty);
        Assert.Equal("for d2", Assert.Single(second.Messages).Payload);
    }

    [Theory]
    [InlineData(false, 1_000_000)]
    [InlineData(true, 1_000_000)]
    [InlineData(false, 3_000_000)]
    [InlineData(true, 3_000_000)]
    public async Task A_packet_may_be_as_large_as_the_broker_says(bool webSocket, int bytes)
    {
        await using var broker = await TestBroker.StartAsync(("MaximumPacketSize", 4 * 1024 * 1024));
        using var client = await broker.ConnectAsync("free", webSocket: webSocket);
        await client.SubscribeAsync("large");
        await client.PublishAsync("large", new string('x', bytes));
        await Eventually.TrueAsync(() => client.Messages.Count == 1);
        Assert.Equal(bytes, client.Messages.Single().Payload.Length);
    }

    [Fact]
    public async Task A_client_that_is_silent_for_too_long_is_closed()
    {
        await using var broker = await TestBroker.StartAsync();
        using var raw = await broker.RawAsync();
        await raw.GetStream().WriteAsync(Raw.Connect("raw", "d1", keepAlive: 1), TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => broker.Connections.Count == 1);
        await Eventually.TrueAsync(() => broker.Connections.Count == 0);
    }

    [Theory]
    [InlineData(new byte[] { 0x30, 10, 0, 5, (byte)'a' })] // dies in the middle of a packet
    [InlineData(new byte[] { 0x30, 3, 0, 1, (byte)'#' })] // a topic with a wildcard
    [InlineData(new byte[] { 0x36, 5, 0, 1, (byte)'a', 0, 1 })] // quality of service 3
    [InlineData(new byte[] { 0x30, 0xFF, 0xFF, 0xFF, 0x7F })] // 256 MiB are to come
    [InlineData(new byte[] { 0x10, 2, 0, 0 })] // a second CONNECT
    public async Task A_client_that_breaks_the_protocol_harms_only_itself(byte[] bytes)
    {
        await using var broker = await TestBroker.StartAsync(("MaximumPacketSize", 2_000));
        using var raw = await broker.RawAsync();
        await raw.GetStream().WriteAsync(Raw.Connect("raw", "free"), TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => broker.Connections.Count == 1);
        await raw.GetStream().WriteAsync(bytes, TestContext.Current.CancellationToken);
        await raw.GetStream().WriteAsync(new byte[bytes[1] == 0xFF ? 4_000 : 0], TestContext.Current.CancellationToken);
        raw.Client.Shutdown(SocketShutdown.Send);
        await Eventually.TrueAsync(() => broker.Connections.Count == 0);
        using var other = await broker.ConnectAsync("free");
        await other.PingAsync();
    }

    [Fact]
    public async Task What_a_client_sent_before_it_closed_is_published()
    {
        await using var broker = await TestBroker.StartAsync();
        using var subscriber = await broker.ConnectAsync("free");
        await subscriber.SubscribeAsync("last");
        for (var i = 0; i < 50; i++)
        {
            await Raw.SayAndLeaveAsync(
                broker, [.. Raw.Connect("raw" + i, "free"), .. Raw.Publish("last", "1"), .. Raw.Publish("last", "2"), 0xE0, 0]);
        }

        await Eventually.TrueAsync(() => subscriber.Messages.Count == 100);
    }
}
