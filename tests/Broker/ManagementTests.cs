using System.Globalization;
using System.Net;
using System.Text.Json;
using MQTTnet;
using MQTTnet.Formatter;

namespace EasySmart.Broker.Tests;

/// <summary>The management API, as EMQX 5.8 has it.</summary>
public class ManagementTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null, "AUTHORIZATION_HEADER_ERROR")]
    [InlineData("Bearer a-key-for-tests", "AUTHORIZATION_HEADER_ERROR")]
    [InlineData("Basic", "BAD_API_KEY_OR_SECRET")]
    [InlineData("Basic not base64", "BAD_API_KEY_OR_SECRET")]
    [InlineData("Basic Og==", "BAD_API_KEY_OR_SECRET")] // ":"
    [InlineData("Basic YS1rZXktZm9yLXRlc3RzOg==", "BAD_API_KEY_OR_SECRET")] // the key without a secret
    public async Task Nobody_is_answered_without_the_key(string? authorization, string code)
    {
        await using var broker = await TestBroker.StartAsync();
        await using var without = await TestBroker.StartAsync(("ApiKey", ""), ("ApiSecret", ""));
        foreach (var http in new[] { broker.Http, without.Http })
        {
            foreach (var (method, path) in new[] { ("GET", "clients"), ("GET", "clients/x"), ("DELETE", "clients/x") })
            {
                using var request = new HttpRequestMessage(new HttpMethod(method), "/api/v5/" + path);
                if (authorization is not null)
                {
                    request.Headers.TryAddWithoutValidation("Authorization", authorization);
                }

                using var answer = await http.SendAsync(request, Cancellation);
                Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
                Assert.Equal("Basic", Assert.Single(answer.Headers.WwwAuthenticate).Scheme);
                Assert.Equal(code, await CodeAsync(answer));
            }
        }

        Assert.Equal(HttpStatusCode.Unauthorized, (await without.Api.GetAsync("clients", Cancellation)).StatusCode);
    }

    [Fact]
    public async Task It_is_not_to_be_had_where_devices_connect()
    {
        await using var broker = await TestBroker.StartAsync();
        using var device = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{broker.WebSocketPort}") };
        device.DefaultRequestHeaders.Authorization = broker.Api.DefaultRequestHeaders.Authorization;
        Assert.Equal(HttpStatusCode.BadRequest, (await device.GetAsync("/api/v5/clients", Cancellation)).StatusCode);
    }

    [Fact]
    public async Task A_kick_ends_connection_and_session_and_what_waits_in_it()
    {
        await using var broker = await TestBroker.StartAsync();
        using var publisher = await broker.ConnectAsync("free");
        using var victim = await broker.IngestionAsync(receiveMaximum: 1, manualAck: true);
        for (var i = 0; i < 10; i++)
        {
            await publisher.PublishAsync("tenants/t1/devices/d1/telemetry/slot/0", $"{i}");
        }

        await Eventually.TrueAsync(() => victim.Messages.Count == 1);
        Assert.Equal(HttpStatusCode.NoContent, await broker.KickAsync(TestBroker.Ingestion));
        // Not eventually: when it is answered, nothing finds the session any more.
        Assert.Equal(
            MqttClientPublishReasonCode.NoMatchingSubscribers,
            (await publisher.PublishAsync("tenants/t1/devices/d1/telemetry/slot/0", "after")).ReasonCode);
        Assert.Equal(HttpStatusCode.NotFound, await broker.KickAsync(TestBroker.Ingestion));
        await Eventually.TrueAsync(() => victim.IsDisconnected);
        Assert.Equal(MqttClientDisconnectReason.AdministrativeAction, victim.DisconnectReason);

        using var back = await broker.IngestionAsync(subscribe: false);
        Assert.False(back.Connected!.IsSessionPresent);
        await back.SubscribeAsync("tenants/+/devices/+/telemetry/#");
        await publisher.PublishAsync("tenants/t1/devices/d1/telemetry/slot/0", "new");
        await Eventually.TrueAsync(() => !back.Messages.IsEmpty);
        Assert.Equal("new", Assert.Single(back.Messages).Payload);
    }

    [Fact]
    public async Task A_kick_reaches_old_clients_and_WebSockets_and_nobody_else()
    {
        await using var broker = await TestBroker.StartAsync();
        using var old = await broker.ConnectAsync("d1", "old one", MqttProtocolVersion.V311);
        using var socket = await broker.ConnectAsync("d1", "ws/+?%2F", webSocket: true);
        using var other = await broker.ConnectAsync("d1", "ws/");
        Assert.Equal(HttpStatusCode.NoContent, await broker.KickAsync("old one"));
        Assert.Equal(HttpStatusCode.NoContent, await broker.KickAsync("ws/+?%2F"));
        await Eventually.TrueAsync(() => old.IsDisconnected && socket.IsDisconnected);
        Assert.Equal(MqttClientDisconnectReason.AdministrativeAction, socket.DisconnectReason);
        await other.PingAsync();
    }

    [Fact]
    public async Task A_session_without_a_connection_can_be_kicked()
    {
        await using var broker = await TestBroker.StartAsync();
        using (var away = await broker.IngestionAsync())
        {
            away.Kill();
        }

        await Eventually.TrueAsync(() => broker.Connections.Count == 0);
        using var publisher = await broker.ConnectAsync("free");
        await publisher.PublishAsync("tenants/t1/devices/d1/telemetry/slot/0", "waits");
        Assert.Equal(HttpStatusCode.NoContent, await broker.KickAsync(TestBroker.Ingestion));
        using var gone = await broker.Api.GetAsync("clients/service%2Fingestion-1", Cancellation);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        Assert.Equal(
            """{"code":"CLIENTID_NOT_FOUND","message":"Client ID not found"}""", await gone.Content.ReadAsStringAsync(Cancellation));
        using var back = await broker.IngestionAsync(subscribe: false);
        Assert.False(back.Connected!.IsSessionPresent);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_will_is_published_by_a_kick_though_it_was_to_wait(bool connected)
    {
        await using var broker = await TestBroker.StartAsync();
        using var all = await broker.ConnectAsync("free");
        await all.SubscribeAsync("#");
        using var device = await broker.ConnectAsync("d1", "d1", with: o => o.WithSessionExpiryInterval(7_200)
            .WithWillTopic("tenants/t1/devices/d1/status").WithWillPayload("gone").WithWillDelayInterval(3_600));
        if (!connected)
        {
            device.Kill();
            await Eventually.TrueAsync(() => broker.Connections.Count == 1);
        }

        Assert.Empty(all.Messages);
        Assert.Equal(HttpStatusCode.NoContent, await broker.KickAsync("d1"));
        await Eventually.TrueAsync(() => !all.Messages.IsEmpty);
        Assert.Equal("gone", Assert.Single(all.Messages).Payload);
    }

    [Fact]
    public async Task A_hundred_kicks_each_end_their_connection_while_it_publishes()
    {
        await using var broker = await TestBroker.StartAsync();
        for (var i = 0; i < 100; i++)
        {
            using var device = await broker.ConnectAsync("d1", "busy");
            var publishing = Task.Run(
                async () =>
                {
                    while (true)
                    {
                        await device.PublishAsync("tenants/t1/devices/d1/telemetry/slot/0", "x");
                    }
                },
                Cancellation);
            await device.PublishAsync("tenants/t1/devices/d1/telemetry/slot/0", "x");
            Assert.Equal(HttpStatusCode.NoContent, await broker.KickAsync("busy"));
            await Assert.ThrowsAnyAsync<Exception>(() => publishing.WaitAsync(TimeSpan.FromSeconds(30), Cancellation));
            await Eventually.TrueAsync(() => device.IsDisconnected);
        }

        await Eventually.TrueAsync(() => broker.Connections.Count == 0);
    }

    [Fact]
    public async Task A_client_is_shown_as_EMQX_shows_it()
    {
        await using var broker = await TestBroker.StartAsync();
        var before = TimeProvider.System.GetUtcNow();
        using var device = await broker.ConnectAsync("d1", "id-1", with: o => o.WithCleanStart(false).WithSessionExpiryInterval(600));
        await device.SubscribeAsync("tenants/t1/devices/d1/commands/#");
        var entry = Assert.Single((await broker.ClientsAsync("username=d1")).GetProperty("data").EnumerateArray());
        Assert.Equal(
            "clientid,username,connected,ip_address,port,proto_name,proto_ver,keepalive,clean_start,expiry_interval,created_at,"
            + "connected_at,is_expired,durable,subscriptions_cnt,mqueue_len,inflight_cnt,client_attrs",
            string.Join(',', entry.EnumerateObject().Select(p => p.Name)));
        Assert.Equal("id-1", entry.GetProperty("clientid").GetString());
        Assert.Equal("d1", entry.GetProperty("username").GetString());
        Assert.True(entry.GetProperty("connected").GetBoolean());
        Assert.Equal("127.0.0.1", entry.GetProperty("ip_address").GetString());
        Assert.InRange(entry.GetProperty("port").GetInt32(), 1, ushort.MaxValue);
        Assert.Equal("MQTT", entry.GetProperty("proto_name").GetString());
        Assert.Equal(5, entry.GetProperty("proto_ver").GetInt32());
        Assert.False(entry.GetProperty("clean_start").GetBoolean());
        Assert.Equal(600, entry.GetProperty("expiry_interval").GetInt32());
        Assert.Equal(1, entry.GetProperty("subscriptions_cnt").GetInt32());
        Assert.Equal("""{"tenant_id":"t1","device_id":"d1"}""", entry.GetProperty("client_attrs").GetRawText());
        var connected = entry.GetProperty("connected_at").GetString()!;
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$", connected);
        Assert.InRange(
            DateTimeOffset.Parse(connected, CultureInfo.InvariantCulture),
            before.AddMilliseconds(-1), TimeProvider.System.GetUtcNow().AddMilliseconds(1));

        device.Kill();
        await Eventually.TrueAsync(() => broker.Connections.Count == 0);
        var away = JsonDocument.Parse(await broker.Api.GetStringAsync("clients/id-1", Cancellation)).RootElement;
        Assert.False(away.GetProperty("connected").GetBoolean());
        Assert.Equal(connected, away.GetProperty("connected_at").GetString());
        Assert.True(string.CompareOrdinal(away.GetProperty("disconnected_at").GetString(), connected) > 0);
        Assert.Equal("""{"tenant_id":"t1","device_id":"d1"}""", away.GetProperty("client_attrs").GetRawText());
    }

    [Fact]
    public async Task Clients_are_found_by_name_id_and_state_page_by_page()
    {
        await using var broker = await TestBroker.StartAsync();
        var clients = new List<TestClient>();
        foreach (var (user, id) in new[] { ("d1", "c"), ("d1", "a"), ("d2", "b"), ("d3", "d") })
        {
            clients.Add(await broker.ConnectAsync(user, id, with: o => o.WithSessionExpiryInterval(600)));
        }

        clients[1].Kill();
        await Eventually.TrueAsync(() => broker.Connections.Count == 3);
        foreach (var (query, ids, meta) in new[]
        {
            ("", "a,b,c,d", (1, 100, 4, false)),
            ("username=d1", "a,c", (1, 100, 2, false)),
            ("username=d1&username=d3&username=nobody", "a,c,d", (1, 100, 3, false)),
            ("username=nobody", "", (1, 100, 0, false)),
            ("clientid=b&clientid=c", "b,c", (1, 100, 2, false)),
            ("username=d1&clientid=b", "", (1, 100, 0, false)),
            ("conn_state=connected", "b,c,d", (1, 100, 3, false)),
            ("conn_state=disconnected", "a", (1, 100, 1, false)),
            ("limit=3", "a,b,c", (1, 3, 4, true)),
            ("limit=3&page=2", "d", (2, 3, 4, false)),
            ("limit=2&page=2", "c,d", (2, 2, 4, false)),
            ("limit=10000&page=2147483647", "", (int.MaxValue, 10_000, 4, false)),
        })
        {
            var answer = await broker.ClientsAsync(query);
            var found = answer.GetProperty("data").EnumerateArray().Select(c => c.GetProperty("clientid").GetString());
            Assert.Equal(ids, string.Join(',', found));
            Assert.Equal(
                $$"""{"page":{{meta.Item1}},"limit":{{meta.Item2}},"count":{{meta.Item3}},"hasnext":{{(meta.Item4 ? "true" : "false")}}}""",
                answer.GetProperty("meta").GetRawText());
        }

        var some = (await broker.ClientsAsync("fields=clientid,connected,disconnected_at&limit=2")).GetProperty("data");
        Assert.Equal("clientid,connected,disconnected_at", string.Join(',', some[0].EnumerateObject().Select(p => p.Name)));
        Assert.Equal("""{"clientid":"b","connected":true}""", some[1].GetRawText());
        clients.ForEach(c => c.Dispose());
    }

    [Theory]
    [InlineData("limit=0")]
    [InlineData("limit=10001")]
    [InlineData("limit=many")]
    [InlineData("page=0")]
    [InlineData("conn_state=asleep")]
    [InlineData("fields=clientid,shoe_size")]
    [InlineData("usernames=d1")]
    public async Task A_question_that_makes_no_sense_is_refused(string query)
    {
        await using var broker = await TestBroker.StartAsync();
        using var answer = await broker.Api.GetAsync("clients?" + query, Cancellation);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("BAD_REQUEST", await CodeAsync(answer));
    }

    [Theory]
    [InlineData("""{"tenant_id": "t", "bad name": "x", "_x": "y", "é": "z", "ok-1_": ""}""", """{"tenant_id":"t","ok-1_":""}""")]
    [InlineData("null", "{}")]
    [InlineData("""{"tenant_id": 7}""", null)]
    [InlineData("""{"tenant_id": null}""", null)]
    [InlineData("\"t\"", null)]
    public async Task Attributes_are_kept_as_EMQX_keeps_them(string attributes, string? kept)
    {
        await using var broker = await TestBroker.StartAsync();
        broker.Authenticator.Answer = (_, context) => TestAuthenticator.JsonAsync(
            context, $$"""{"result": "allow", "client_attrs": {{attributes}}}""");
        using var client = broker.Client("d1", "d1");
        var result = (await client.ConnectAsync()).ResultCode;
        Assert.Equal(kept is null ? MqttClientConnectResultCode.NotAuthorized : MqttClientConnectResultCode.Success, result);
        var data = (await broker.ClientsAsync("fields=client_attrs")).GetProperty("data");
        Assert.Equal(kept is null ? "[]" : $$"""[{"client_attrs":{{kept}}}]""", data.GetRawText());
    }

    private static async Task<string?> CodeAsync(HttpResponseMessage answer) =>
        JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancellation)).RootElement.GetProperty("code").GetString();
}
