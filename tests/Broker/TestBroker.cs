using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using MQTTnet;
using MQTTnet.Formatter;

namespace EasySmart.Broker.Tests;

/// <summary>A whole broker on free ports, with its authenticator.</summary>
internal sealed class TestBroker : IAsyncDisposable
{
    public const string Ingestion = "service/ingestion-1";
    public const string ApiKey = "a-key-for-tests";
    public const string ApiSecret = "a secret: of the management API, for tests";

    private readonly WebApplication _app;
    private readonly Listeners _listeners;

    private TestBroker(WebApplication app, TestAuthenticator authenticator)
    {
        (_app, Authenticator) = (app, authenticator);
        _listeners = app.Services.GetRequiredService<Listeners>();
        Http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_listeners.AdminPort}") };
        Api = new HttpClient { BaseAddress = new Uri(Http.BaseAddress, "/api/v5/") };
        Api.DefaultRequestHeaders.Authorization =
            new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{ApiKey}:{ApiSecret}")));
    }

    public TestAuthenticator Authenticator { get; }

    public HttpClient Http { get; }

    /// <summary>With the API's key.</summary>
    public HttpClient Api { get; }

    public int TcpPort => _listeners.TcpPort;

    public int WebSocketPort => _listeners.WebSocketPort;

    public BrokerMetrics Metrics => _app.Services.GetRequiredService<BrokerMetrics>();

    public ClientEvents Events => _app.Services.GetRequiredService<ClientEvents>();

    public Connections Connections => _app.Services.GetRequiredService<Connections>();

    /// <param name="settings">Keys of the section Broker. Nobody is waited for unless HoldUntilSession says so.</param>
    public static async Task<TestBroker> StartAsync(params (string Key, object Value)[] settings)
    {
        var authenticator = await TestAuthenticator.StartAsync();
        var all = new Dictionary<string, object>
        {
            ["TcpPort"] = 0,
            ["WebSocketPort"] = 0,
            ["AdminPort"] = 0,
            ["AuthenticatorUrl"] = authenticator.Url,
            ["HookKey"] = "a hook key for tests",
            ["HoldUntilSession"] = "",
            ["ApiKey"] = ApiKey,
            ["ApiSecret"] = ApiSecret,
        };
        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        var app = BrokerHost.Build([.. all.Select(s => $"--Broker:{s.Key}={s.Value}"), "--Logging:LogLevel:Default=Error"]);
        await app.StartAsync();
        return new TestBroker(app, authenticator);
    }

    public async Task<TestClient> ConnectAsync(
        string user, string? id = null, MqttProtocolVersion version = MqttProtocolVersion.V500,
        Action<MqttClientOptionsBuilder>? with = null, bool manualAck = false, bool webSocket = false)
    {
        var client = Client(user, id, version, with, manualAck, webSocket);
        var result = await client.ConnectAsync();
        Assert.Equal(MqttClientConnectResultCode.Success, result.ResultCode);
        return client;
    }

    public TestClient Client(
        string user, string? id = null, MqttProtocolVersion version = MqttProtocolVersion.V500,
        Action<MqttClientOptionsBuilder>? with = null, bool manualAck = false, bool webSocket = false)
    {
        var options = new MqttClientOptionsBuilder()
            .WithProtocolVersion(version).WithClientId(id ?? user + "-" + Guid.NewGuid().ToString("N")[..8])
            .WithCredentials(user, "a secret").WithTimeout(TimeSpan.FromSeconds(30));
        _ = webSocket
            ? options.WithWebSocketServer(o => o.WithUri($"ws://127.0.0.1:{WebSocketPort}/mqtt"))
            : options.WithTcpServer("127.0.0.1", TcpPort);
        with?.Invoke(options);
        return new TestClient(options.Build(), manualAck);
    }

    /// <summary>The session ingestion keeps: it survives its connection.</summary>
    public async Task<TestClient> IngestionAsync(
        int receiveMaximum = 500, bool manualAck = false, bool subscribe = true, Action<Received>? onMessage = null)
    {
        var client = Client(Ingestion, Ingestion, manualAck: manualAck, with: o => o
            .WithCleanStart(false).WithSessionExpiryInterval(3600).WithReceiveMaximum((ushort)receiveMaximum));
        client.OnMessage = onMessage; // before the first can come
        Assert.Equal(MqttClientConnectResultCode.Success, (await client.ConnectAsync()).ResultCode);
        if (subscribe)
        {
            await client.SubscribeAsync("tenants/+/devices/+/telemetry/#");
        }

        return client;
    }

    public async Task<HttpStatusCode> KickAsync(string clientId)
    {
        using var answer = await Api.DeleteAsync(
            "clients/" + Uri.EscapeDataString(clientId), TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }

    public async Task<JsonElement> ClientsAsync(string query) => JsonDocument.Parse(
        await Api.GetStringAsync("clients?" + query, TestContext.Current.CancellationToken)).RootElement;

    public Session Session(string id) => _app.Services.GetRequiredService<SessionStore>().Services().Single(s => s.ClientId == id);

    public async Task<TcpClient> RawAsync()
    {
        var raw = new TcpClient();
        await raw.ConnectAsync("127.0.0.1", TcpPort);
        return raw;
    }

    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        await Authenticator.DisposeAsync();
        Http.Dispose();
        Api.Dispose();
    }
}
