using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A device, as the broker knows it from the authenticator.</summary>
public sealed record DeviceOf(Guid Id, Guid Tenant)
{
    public Dictionary<string, string> Attributes(Guid? credential = null) => new()
    {
        ["tenant_id"] = Tenant.ToString(),
        ["device_id"] = Id.ToString(),
        ["credential_id"] = credential?.ToString() ?? "",
    };
}

/// <summary>What the broker tells, in EMQX's words, and what a tenant's people tell their devices.</summary>
public static class BrokerCalls
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<DeviceOf> DeviceAsync(this DevicesHost host, Guid tenant, string? label = null) =>
        new((await host.Installer(tenant).ProvisionAsync(label)).device_id, tenant);

    /// <summary>The one secret that such a device has.</summary>
    public static Task<Guid> CredentialAsync(this DevicesHost host, DeviceOf device) =>
        host.ScalarAsync<Guid>("SELECT id FROM credentials WHERE device_id = $1", device.Id);

    public static Task<HttpResponseMessage> PostEventAsync(this HttpClient broker, object told) =>
        broker.PostAsJsonAsync("/internal/mqtt/events", told, Cancellation);

    public static async Task TellAsync(this HttpClient broker, object told)
    {
        using var answer = await broker.PostEventAsync(told);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    public static object Connected(DeviceOf device, string clientId, DateTimeOffset? at = null, int expiry = 0, string peer = "192.0.2.7:51234",
        bool cleanStart = true, Guid? credential = null) => new
        {
            @event = "client.connected",
            clientid = clientId,
            username = device.Id.ToString(),
            client_attrs = device.Attributes(credential),
            peername = peer,
            clean_start = cleanStart,
            expiry_interval = expiry,
            connected_at = Milliseconds(at),
            timestamp = Milliseconds(at),
            proto_ver = 5,
            sockname = "127.0.0.1:1883",
        };

    public static object Disconnected(DeviceOf device, string clientId, DateTimeOffset? at = null, string reason = "normal",
        DateTimeOffset? connectedAt = null) => new
        {
            @event = "client.disconnected",
            clientid = clientId,
            username = device.Id.ToString(),
            client_attrs = device.Attributes(),
            peername = "192.0.2.7:51234",
            reason,
            connected_at = connectedAt?.ToUnixTimeMilliseconds(),
            disconnected_at = Milliseconds(at),
            timestamp = Milliseconds(at),
        };

    public static object Subscribed(DeviceOf device, string clientId, string topic, DateTimeOffset? at = null) => new
    {
        @event = "session.subscribed",
        clientid = clientId,
        username = device.Id.ToString(),
        client_attrs = device.Attributes(),
        topic,
        qos = 1,
        timestamp = Milliseconds(at),
    };

    public static Task ConnectedAsync(this HttpClient broker, DeviceOf device, string clientId, DateTimeOffset? at = null, int expiry = 0) =>
        broker.TellAsync(Connected(device, clientId, at, expiry));

    public static Task DisconnectedAsync(this HttpClient broker, DeviceOf device, string clientId, DateTimeOffset? at = null, string reason = "normal") =>
        broker.TellAsync(Disconnected(device, clientId, at, reason));

    /// <summary>Somebody of this tenant who may read and command devices.</summary>
    public static HttpClient Operator(this DevicesHost host, Guid tenant) =>
        host.As(tenant, permissions: [Permissions.DevicesRead, Permissions.DevicesWrite]);

    public static Task<HttpResponseMessage> PostCommandAsync(this HttpClient client, Guid device, object command, string? key = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"/devices/{device}/commands") { Content = JsonContent.Create(command) };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        return client.SendAsync(request, Cancellation);
    }

    public static async Task<JsonElement> CommandAsync(this HttpClient client, Guid device, object command)
    {
        using var answer = await client.PostCommandAsync(device, command);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
    }

    public static Guid Id(this JsonElement command) => command.GetProperty("command_id").GetGuid();

    public static async Task<JsonElement> ViewAsync(this HttpClient client, Guid device, Guid command) =>
        await client.GetFromJsonAsync<JsonElement>($"/devices/{device}/commands/{command}", Cancellation);

    private static long Milliseconds(DateTimeOffset? at) => (at ?? DateTimeOffset.UtcNow).ToUnixTimeMilliseconds();
}
