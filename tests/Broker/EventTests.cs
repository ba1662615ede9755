using Microsoft.AspNetCore.Http;
using MQTTnet;
using MQTTnet.Formatter;

namespace EasySmart.Broker.Tests;

/// <summary>Client events, as EMQX's rules and its HTTP action would post them.</summary>
public class EventTests
{
    private const string Commands = "tenants/t1/devices/d1/commands/#";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(MqttProtocolVersion.V311, false)]
    [InlineData(MqttProtocolVersion.V500, false)]
    [InlineData(MqttProtocolVersion.V311, true)]
    [InlineData(MqttProtocolVersion.V500, true)]
    public async Task A_visit_is_told_in_the_words_of_EMQX(MqttProtocolVersion version, bool webSocket)
    {
        await using var receiver = await TestReceiver.StartAsync();
        await using var broker = await TestBroker.StartAsync(("EventsUrl", receiver.Url));
        var before = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        using var device = await broker.ConnectAsync("d1", "id-1", version, o => o.WithCleanStart(false), webSocket: webSocket);
        await device.SubscribeAsync(Commands);
        await device.SubscribeAsync(Commands);
        Assert.NotEqual(MqttClientSubscribeResultCode.GrantedQoS1, await device.SubscribeAsync("tenants/#"));
        await device.DisconnectAsync();
        await Eventually.TrueAsync(() => receiver.Heard.Count == 4);
        var heard = receiver.Of("id-1").ToArray();
        var port = heard[0].GetProperty("peername").GetString()!.Split(':')[1];
        var at = heard.Select(e => e.GetProperty("timestamp").GetInt64()).ToArray();
        const string Client = """
            "clientid":"id-1","username":"d1","client_attrs":{"tenant_id":"t1","device_id":"d1"},"peername":"127.0.0.1:P"
            """;
        string[] expected =
        [
            $$$"""{"event":"client.connected",{{{Client}}},"timestamp":T0,"clean_start":false,"expiry_interval":E,"connected_at":T0}""",
            $$$"""{"event":"session.subscribed",{{{Client}}},"timestamp":T1,"topic":"{{{Commands}}}","qos":1}""",
            $$$"""{"event":"session.subscribed",{{{Client}}},"timestamp":T2,"topic":"{{{Commands}}}","qos":1}""",
            $$$"""{"event":"client.disconnected",{{{Client}}},"timestamp":T3,"connected_at":T0,"disconnected_at":T3,"reason":"normal"}""",
        ];
        (string Name, object Value)[] values =
        [
            (":P", ":" + port), (":E", version == MqttProtocolVersion.V500 ? ":0" : ":7200"), .. at.Select((t, i) => ("T" + i, (object)t)),
        ];
        Assert.Equal(
            expected.Select(e => values.Aggregate(e, (text, v) => text.Replace(v.Name, $"{v.Value}", StringComparison.Ordinal))),
            heard.Select(e => e.GetRawText()));
        Assert.True(before <= at[0] && at[0] < at[1] && at[1] < at[2] && at[2] < at[3]);
        Assert.All(receiver.Senders, s => Assert.Equal("application/json a hook key for tests", s));
    }

    [Fact]
    public async Task The_reason_of_an_end_is_spelled_as_EMQX_spells_it()
    {
        await using var receiver = await TestReceiver.StartAsync();
        await using var broker = await TestBroker.StartAsync(("EventsUrl", receiver.Url));
        using (var killed = await broker.ConnectAsync("d1", "tcp_closed"))
        using (var socket = await broker.ConnectAsync("d1", "error", webSocket: true))
        {
            killed.Kill();
            socket.Kill();
        }

        using var will = await broker.ConnectAsync("d1", "disconnect_with_will_message");
        await will.DisconnectAsync(MqttClientDisconnectOptionsReason.DisconnectWithWillMessage);
        using var kicked = await broker.ConnectAsync("d1", "kicked", MqttProtocolVersion.V311);
        await broker.KickAsync("kicked");
        broker.Authenticator.Answer = (_, context) => TestAuthenticator.JsonAsync(
            context, $$"""{"result": "allow", "expire_at": {{TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()}} }""");
        using var expired = await broker.ConnectAsync("d1", "not_authorized");
        broker.Authenticator.Answer = null;
        using var silent = await broker.RawAsync();
        await silent.GetStream().WriteAsync(Raw.Connect("keepalive_timeout", "d1", keepAlive: 1), Cancellation);
        using var strange = await broker.RawAsync();
        await strange.GetStream().WriteAsync((byte[])[.. Raw.Connect("protocol_error", "d1"), .. Raw.Publish("a/#", "x")], Cancellation);
        string[] reasons =
        [
            "tcp_closed", "error", "disconnect_with_will_message", "kicked", "not_authorized", "keepalive_timeout", "protocol_error",
        ];
        await Eventually.TrueAsync(() => reasons.All(r => receiver.Reason(r) is not null));
        Assert.Equal(reasons, reasons.Select(receiver.Reason));
        Assert.Equal(2 * reasons.Length, receiver.Heard.Count);
    }

    [Theory]
    [InlineData("d1", false, "takenover")]
    [InlineData("d1", true, "discarded")]
    [InlineData("free", false, "discarded")] // another user: it is not this session that goes on
    public async Task Who_comes_with_the_same_id_ends_the_one_before_first(string user, bool clean, string reason)
    {
        await using var receiver = await TestReceiver.StartAsync();
        await using var broker = await TestBroker.StartAsync(("EventsUrl", receiver.Url));
        using var all = await broker.ConnectAsync("free");
        await all.SubscribeAsync("tenants/#");
        using var old = await broker.ConnectAsync("d1", "id", with: o => o.WithCleanStart(false).WithSessionExpiryInterval(600)
            .WithWillTopic("tenants/t1/devices/d1/status").WithWillPayload("gone").WithWillDelayInterval(500));
        using var young = await broker.ConnectAsync(user, "id", with: o => o.WithCleanStart(clean).WithSessionExpiryInterval(600));
        await Eventually.TrueAsync(() => old.IsDisconnected && receiver.Of("id").Count() == 3);
        var heard = receiver.Of("id").ToArray();
        Assert.Equal(
            ["client.connected", "client.disconnected", "client.connected"],
            heard.Select(e => e.GetProperty("event").GetString()));
        Assert.Equal(reason, heard[1].GetProperty("reason").GetString());
        Assert.True(heard[1].GetProperty("disconnected_at").GetInt64() < heard[2].GetProperty("connected_at").GetInt64());
        Assert.Equal(reason == "takenover", young.Connected!.IsSessionPresent);

        // The will of a session that ended is published now, that of one that goes on never.
        await Eventually.TrueAsync(() => broker.Connections.Count == 2);
        if (reason == "discarded")
        {
            await Eventually.TrueAsync(() => !all.Messages.IsEmpty);
        }

        await all.PublishAsync("tenants/end", "");
        await Eventually.TrueAsync(() => all.Messages.Any(m => m.Topic == "tenants/end"));
        Assert.Equal(reason == "discarded" ? 2 : 1, all.Messages.Count);
    }

    [Fact]
    public async Task Events_wait_for_a_receiver_that_is_away()
    {
        await using var receiver = await TestReceiver.StartAsync();
        await receiver.CloseAsync();
        await using var broker = await TestBroker.StartAsync(("EventsUrl", receiver.Url));
        for (var i = 0; i < 200; i++)
        {
            using var device = await broker.ConnectAsync("d1", "d" + i);
            await device.DisconnectAsync();
        }

        await receiver.OpenAsync();
        await Eventually.TrueAsync(() => receiver.Heard.Count == 400);
        Assert.Equal(400, receiver.Heard.Select(e => $"{e.GetProperty("event")} {e.GetProperty("clientid")}").Distinct().Count());
    }

    [Theory]
    [InlineData(503, true)]
    [InlineData(429, true)]
    [InlineData(500, false)]
    [InlineData(400, false)]
    [InlineData(401, false)]
    [InlineData(302, false)]
    public async Task An_answer_decides_whether_an_event_is_tried_again(int status, bool again)
    {
        var asked = 0;
        await using var receiver = await TestReceiver.StartAsync();
        receiver.Answer = _ => Task.FromResult(Interlocked.Increment(ref asked) == 1 ? status : StatusCodes.Status204NoContent);
        await using var broker = await TestBroker.StartAsync(("EventsUrl", receiver.Url));
        using var device = await broker.ConnectAsync("d1", "d1");
        await Eventually.TrueAsync(() => asked >= 1);
        await device.DisconnectAsync();
        await Eventually.TrueAsync(() => receiver.Heard.Count == (again ? 2 : 1));
        await Eventually.TrueAsync(() => broker.Events.Count == 0);
        Assert.Equal(again ? 3 : 2, asked);
        Assert.Equal(!again, (await DroppedAsync(broker)).Contains("reason=\"refused\"} 1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_receiver_that_never_answers_keeps_nobody_from_publishing()
    {
        var silence = new TaskCompletionSource();
        await using var receiver = await TestReceiver.StartAsync();
        receiver.Answer = async _ =>
        {
            await silence.Task;
            return StatusCodes.Status204NoContent;
        };
        await using var broker = await TestBroker.StartAsync(("EventsUrl", receiver.Url));
        using var all = await broker.ConnectAsync("free");
        await all.SubscribeAsync("#");
        for (var i = 0; i < 100; i++)
        {
            using var device = await broker.ConnectAsync("d1");
            await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => device.PublishAsync("tenants/t1/devices/d1/telemetry/slot/0", "x")));
            await device.DisconnectAsync();
        }

        await Eventually.TrueAsync(() => all.Messages.Count == 1_000);
        Assert.Empty(receiver.Heard);
        await Eventually.TrueAsync(() => broker.Events.Count == 202);
        silence.SetResult();
        await Eventually.TrueAsync(() => receiver.Heard.Count == 202);
    }

    [Fact]
    public async Task The_oldest_events_go_when_no_more_fit()
    {
        await using var receiver = await TestReceiver.StartAsync();
        await receiver.CloseAsync();
        await using var broker = await TestBroker.StartAsync(("EventsUrl", receiver.Url), ("EventQueueSize", 20_000));
        const int Visits = 200;
        for (var i = 0; i < Visits; i++)
        {
            using var device = await broker.ConnectAsync("d1", "d" + i);
            await device.DisconnectAsync();
        }

        await Eventually.TrueAsync(() => broker.Connections.Count == 0);
        var kept = broker.Events.Count;
        Assert.InRange(kept, 64, 64 + (20_000 / 200));
        Assert.Contains($"reason=\"queue_full\"}} {(2 * Visits) - kept}", await DroppedAsync(broker));
        await receiver.OpenAsync();
        await Eventually.TrueAsync(() => receiver.Heard.Count == kept);
        Assert.Equal("normal", receiver.Reason($"d{Visits - 1}"));
    }

    [Fact]
    public async Task Two_thousand_visits_are_all_told()
    {
        await using var receiver = await TestReceiver.StartAsync();
        await using var broker = await TestBroker.StartAsync(("EventsUrl", receiver.Url));
        foreach (var some in Enumerable.Range(0, 2_000).Chunk(100))
        {
            await Task.WhenAll(some.Select(async i =>
            {
                using var device = await broker.ConnectAsync("d1", "d" + i);
                await device.DisconnectAsync();
            }));
        }

        await Eventually.TrueAsync(() => receiver.Heard.Count == 4_000);
        foreach (var visit in receiver.Heard.GroupBy(e => e.GetProperty("clientid").GetString()))
        {
            Assert.Equal(
                ["client.connected", "client.disconnected"],
                visit.OrderBy(e => e.GetProperty("timestamp").GetInt64()).Select(e => e.GetProperty("event").GetString()));
        }
    }

    [Fact]
    public async Task A_broker_that_stops_tells_whom_it_sends_away()
    {
        await using var receiver = await TestReceiver.StartAsync();
        receiver.Answer = async _ =>
        {
            await Task.Delay(50, Cancellation);
            return StatusCodes.Status204NoContent;
        };
        await using var broker = await TestBroker.StartAsync(("EventsUrl", receiver.Url));
        var devices = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => broker.ConnectAsync("d1", "d" + i)));
        await broker.StopAsync();
        Assert.Equal(400, receiver.Heard.Count);
        Assert.All(Enumerable.Range(0, 200), i => Assert.Equal("server_shutting_down", receiver.Reason("d" + i)));
        Array.ForEach(devices, d => d.Dispose());
    }

    [Fact]
    public void A_clients_times_only_grow_though_the_clock_stands_still_or_goes_back()
    {
        var time = new SetTime { Now = DateTimeOffset.FromUnixTimeMilliseconds(10_000) };
        var clock = new ClientClock(time);
        Assert.Equal([10_000, 10_001, 10_002], Enumerable.Range(0, 3).Select(_ => clock.Next("a")));
        Assert.Equal(10_000, clock.Next("b"));
        time.Now = DateTimeOffset.FromUnixTimeMilliseconds(9_000);
        Assert.Equal(10_001, clock.Next("b"));
        Assert.Equal(10_003, clock.Next("a"));
        for (var i = 0; i < 10_000; i++)
        {
            time.Now = DateTimeOffset.FromUnixTimeMilliseconds(10_000 + (i / 1_000));
            clock.Next("c" + i);
        }

        Assert.True(clock.Next("a") > 10_003);
        Assert.True(clock.Next("c9999") > 10_009);
    }

    private static async Task<string> DroppedAsync(TestBroker broker)
    {
        var lines = (await broker.Http.GetStringAsync("/metrics", Cancellation)).Split('\n');
        return string.Join('\n', lines.Where(l => l.StartsWith("easysmart_broker_events_dropped_total", StringComparison.Ordinal)));
    }

    private sealed class SetTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
