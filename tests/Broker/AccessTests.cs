using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace EasySmart.Broker.Tests;

public class AccessTests
{
    private const string Own = "tenants/t1/devices/d1/telemetry/slot/0";
    private const string Foreign = "tenants/t1/devices/d2/telemetry/slot/0";

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_denied_publish_is_told_to_MQTT_5_and_acknowledged_to_3_1_1_and_goes_nowhere(int qos)
    {
        await using var broker = await TestBroker.StartAsync();
        using var all = await broker.ConnectAsync("free");
        await all.SubscribeAsync("#");
        using var five = await broker.ConnectAsync("d1", version: MqttProtocolVersion.V500);
        using var old = await broker.ConnectAsync("d1", version: MqttProtocolVersion.V311);

        // At QoS 2 MQTTnet's client goes on to PUBREL and shows the answer to that; the test below sees the PUBREC itself.
        Assert.Equal(
            qos switch
            {
                0 => MqttClientPublishReasonCode.Success,
                1 => MqttClientPublishReasonCode.NotAuthorized,
                _ => MqttClientPublishReasonCode.UnspecifiedError,
            },
            (await five.PublishAsync(Foreign, "no", qos)).ReasonCode);
        Assert.Equal(MqttClientPublishReasonCode.Success, (await old.PublishAsync(Foreign, "no", qos)).ReasonCode);
        await five.PublishAsync(Own, "yes");
        await old.PublishAsync(Own, "yes");
        await Eventually.TrueAsync(() => all.Messages.Count == 2);
        Assert.All(all.Messages, m => Assert.Equal("yes", m.Payload));
        Assert.Contains(
            "easysmart_broker_denied_total{otel_scope_name=\"EasySmart.Broker\",action=\"publish\"} 2", await MetricsAsync(broker));
    }

    [Fact]
    public async Task A_denied_publish_at_QoS_2_ends_with_a_PUBREC_that_says_so()
    {
        await using var broker = await TestBroker.StartAsync();
        using var raw = await broker.RawAsync();
        var stream = raw.GetStream();
        await stream.WriteAsync(Raw.Connect5("raw", "d1"), TestContext.Current.CancellationToken);
        await stream.WriteAsync(Raw.Publish5("a", "no", flags: 0b0100, id: 7), TestContext.Current.CancellationToken);
        Assert.Equal(0x20, (await Raw.ReadPacketAsync(stream))[0]);
        Assert.Equal([0x50, 4, 0, 7, 0x87, 0], await Raw.ReadPacketAsync(stream));
    }

    [Theory]
    [InlineData("#")]
    [InlineData("$SYS/#")]
    [InlineData("+/t1/devices/d1/commands/#")]
    [InlineData("tenants/#")]
    [InlineData("tenants/t1/devices/+/commands/#")]
    [InlineData("tenants/t1/devices/d2/commands/x")]
    [InlineData("tenants/t1/devices/d1/#")]
    [InlineData("$share/g/#")]
    [InlineData("$share/g/tenants/t1/devices/d2/commands/x")]
    public async Task A_device_may_not_subscribe_to_what_is_not_its_own(string filter)
    {
        await using var broker = await TestBroker.StartAsync();
        using var five = await broker.ConnectAsync("d1", version: MqttProtocolVersion.V500);
        using var old = await broker.ConnectAsync("d1", version: MqttProtocolVersion.V311);
        Assert.Equal(MqttClientSubscribeResultCode.NotAuthorized, await five.SubscribeAsync(filter));
        Assert.Equal(MqttClientSubscribeResultCode.UnspecifiedError, await old.SubscribeAsync(filter)); // 0x80
    }

    [Fact]
    public async Task A_shared_subscription_is_refused_with_its_own_reason()
    {
        await using var broker = await TestBroker.StartAsync();
        using var client = await broker.ConnectAsync(TestBroker.Ingestion);
        Assert.Equal(
            MqttClientSubscribeResultCode.SharedSubscriptionsNotSupported,
            await client.SubscribeAsync("$share/ingestion/tenants/+/devices/+/telemetry/#"));
        Assert.False(client.Connected!.SharedSubscriptionAvailable);
        Assert.Equal(MqttClientSubscribeResultCode.TopicFilterInvalid, await Raw5SubscribeAsync(broker, "$share/ingestion"));
    }

    [Theory]
    [InlineData("tenants/t1/devices/d1/status", true)]
    [InlineData("tenants/t1/devices/d2/status", false)]
    public async Task A_will_is_published_when_its_client_may(string topic, bool heard)
    {
        await using var broker = await TestBroker.StartAsync();
        using var all = await broker.ConnectAsync("free");
        await all.SubscribeAsync("#");
        using var device = await broker.ConnectAsync("d1", with: o => o.WithWillTopic(topic).WithWillPayload("gone"));
        using var leaves = await broker.ConnectAsync("d1", with: o => o.WithWillTopic(topic).WithWillPayload("left"));
        await leaves.DisconnectAsync();
        device.Kill();
        await Eventually.TrueAsync(() => broker.Connections.Count == 1);
        using var last = await broker.ConnectAsync("free");
        if (heard)
        {
            await Eventually.TrueAsync(() => !all.Messages.IsEmpty);
        }

        await last.PublishAsync("end", "");
        await Eventually.TrueAsync(() => all.Messages.Any(m => m.Topic == "end"));
        Assert.Equal(heard ? ["gone", ""] : [""], all.Messages.Select(m => m.Payload));
        Assert.Equal(heard, !(await MetricsAsync(broker)).Contains("action=\"will\"} 1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_delayed_will_is_not_published_when_its_client_is_back_in_time()
    {
        await using var broker = await TestBroker.StartAsync();
        using var all = await broker.ConnectAsync("free");
        await all.SubscribeAsync("#");
        foreach (var (id, delay) in new[] { ("back", 3_600U), ("gone", 1U) })
        {
            using var device = await broker.ConnectAsync("d1", id, with: o => o.WithSessionExpiryInterval(7_200)
                .WithWillTopic("tenants/t1/devices/d1/status").WithWillPayload(id).WithWillDelayInterval(delay));
            device.Kill();
        }

        await Eventually.TrueAsync(() => broker.Connections.Count == 1);
        using var back = await broker.ConnectAsync("d1", "back", with: o => o.WithCleanStart(false));
        await Eventually.TrueAsync(() => !all.Messages.IsEmpty);
        Assert.Equal("gone", Assert.Single(all.Messages).Payload);
    }

    private static async Task<MqttClientSubscribeResultCode> Raw5SubscribeAsync(TestBroker broker, string filter)
    {
        using var client = await broker.ConnectAsync("free");
        return await client.SubscribeAsync(filter);
    }

    private static Task<string> MetricsAsync(TestBroker broker) =>
        broker.Http.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
}
