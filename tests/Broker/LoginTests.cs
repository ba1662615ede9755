using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Packets;

namespace EasySmart.Broker.Tests;

public class LoginTests
{
    [Theory]
    [InlineData(MqttProtocolVersion.V311, false)]
    [InlineData(MqttProtocolVersion.V500, false)]
    [InlineData(MqttProtocolVersion.V311, true)]
    [InlineData(MqttProtocolVersion.V500, true)]
    public async Task Both_protocols_over_both_transports_ask_as_EMQX_asks(MqttProtocolVersion version, bool webSocket)
    {
        await using var broker = await TestBroker.StartAsync();
        using var client = await broker.ConnectAsync("d1", "id-1", version, webSocket: webSocket);
        await client.SubscribeAsync("tenants/t1/devices/d1/telemetry/#");
        await client.PublishAsync("tenants/t1/devices/d1/telemetry/slot/0", "1");
        await Eventually.TrueAsync(() => client.Messages.Count == 1);

        var (question, key, type) = Assert.Single(broker.Authenticator.Asked);
        Assert.Equal("a hook key for tests", key);
        Assert.Equal("application/json", type);
        Assert.Equal(
            ["clientid:id-1", "password:a secret", "peerhost:127.0.0.1", "username:d1"],
            question.EnumerateObject().Select(p => $"{p.Name}:{p.Value.GetString()}").Order());
    }

    [Theory]
    [InlineData("""{"result": "deny"}""", 200, "application/json", 0x86, 4)]
    [InlineData("""{"result": "ignore"}""", 200, "application/json", 0x87, 5)]
    [InlineData("""{}""", 200, "application/json", 0x87, 5)]
    [InlineData("""allow""", 200, "application/json", 0x87, 5)]
    [InlineData("""{"result": "allow"}""", 200, "text/plain", 0x87, 5)]
    [InlineData("""{"result": "allow"}""", 204, "application/json", 0x87, 5)]
    [InlineData("""{"result": "allow"}""", 401, "application/json", 0x87, 5)]
    [InlineData("""{"result": "allow"}""", 302, "application/json", 0x87, 5)]
    [InlineData("""{"result": "allow"}""", 500, "application/json", 0x88, 5)]
    [InlineData("""{"result": "allow", "acl": [{"permission": "allow", "action": "publish", "topic": "a/#/b"}]}""",
        200, "application/json", 0x87, 5)]
    [InlineData("""{"result": "allow", "acl": [{"permission": "allow", "action": "publish", "topic": "a", "qos": 1}]}""",
        200, "application/json", 0x87, 5)]
    public async Task Anything_but_a_clear_yes_is_a_no(string body, int status, string type, int mqtt5, int mqtt311)
    {
        await using var broker = await TestBroker.StartAsync();
        broker.Authenticator.Answer = (_, context) => status == 204
            ? Task.FromResult(context.Response.StatusCode = 204)
            : TestAuthenticator.JsonAsync(context, body, status, type);

        using var five = broker.Client("d1");
        Assert.Equal(mqtt5, (int)(await five.ConnectAsync()).ResultCode);
        Assert.Equal((byte)mqtt311, await Raw.ConnectReturnCodeAsync(broker));
    }

    [Fact]
    public async Task An_authenticator_that_is_not_there_or_does_not_answer_is_a_no()
    {
        await using var broker = await TestBroker.StartAsync();
        broker.Authenticator.Answer = (_, context) => Task.Delay(Timeout.Infinite, context.RequestAborted);
        using var patient = broker.Client("d1");
        Assert.Equal(MqttClientConnectResultCode.ServerUnavailable, (await patient.ConnectAsync()).ResultCode);

        await broker.Authenticator.DisposeAsync();
        using var alone = broker.Client("d1");
        Assert.Equal(MqttClientConnectResultCode.ServerUnavailable, (await alone.ConnectAsync()).ResultCode);
    }

    [Fact]
    public async Task Three_hundred_devices_may_come_at_once()
    {
        await using var broker = await TestBroker.StartAsync();
        var clients = await Task.WhenAll(Enumerable.Range(0, 300).Select(i => broker.ConnectAsync("d" + i)));
        Assert.Equal(300, broker.Connections.Count);
        Assert.Equal(300, broker.Authenticator.Asked.Count);
        Array.ForEach(clients, c => c.Dispose());
        await Eventually.TrueAsync(() => broker.Connections.Count == 0);
    }

    [Theory]
    [InlineData(MqttProtocolVersion.V311)]
    [InlineData(MqttProtocolVersion.V500)]
    public async Task A_client_without_an_id_is_given_one(MqttProtocolVersion version)
    {
        await using var broker = await TestBroker.StartAsync();
        using var client = await broker.ConnectAsync("d1", "", version);
        var asked = Assert.Single(broker.Authenticator.Asked).Question.GetProperty("clientid").GetString();
        Assert.StartsWith("auto-", asked);
        Assert.Equal(version == MqttProtocolVersion.V500 ? asked : null, client.Connected!.AssignedClientIdentifier);
    }

    [Fact]
    public async Task A_login_ends_when_the_authenticator_said()
    {
        await using var broker = await TestBroker.StartAsync();
        broker.Authenticator.Answer = (_, context) => TestAuthenticator.JsonAsync(
            context, $$"""{"result": "allow", "expire_at": {{TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 1}} }""");
        using var client = await broker.ConnectAsync("d1");
        await Eventually.TrueAsync(() => client.IsDisconnected);
        Assert.Equal(MqttClientDisconnectReason.NotAuthorized, client.DisconnectReason);
    }

    [Fact]
    public async Task A_WebSocket_that_does_not_speak_mqtt_is_refused()
    {
        await using var broker = await TestBroker.StartAsync();
        using var socket = new System.Net.WebSockets.ClientWebSocket();
        await Assert.ThrowsAsync<System.Net.WebSockets.WebSocketException>(() => socket.ConnectAsync(
            new Uri($"ws://127.0.0.1:{broker.WebSocketPort}/mqtt"), TestContext.Current.CancellationToken));
    }
}
