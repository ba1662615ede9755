using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>The service's calls, as its clients make them.</summary>
public static class Calls
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Somebody of this tenant who may provision and list.</summary>
    public static HttpClient Installer(this DevicesHost host, Guid tenant, Guid? user = null, string email = "user@example.com") =>
        host.As(tenant, user, email: email, permissions: [Permissions.DevicesProvision, Permissions.DevicesRead]);

    public static Task<HttpResponseMessage> PostProvisionAsync(this HttpClient client, string? label = null, string? key = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/devices/provision") { Content = JsonContent.Create(new { device_label = label }) };
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        }

        return client.SendAsync(request, Cancellation);
    }

    public static async Task<ProvisionedDevice> ProvisionAsync(this HttpClient client, string? label = null)
    {
        using var answer = await client.PostProvisionAsync(label);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<ProvisionedDevice>(Cancellation))!;
    }

    /// <summary>A label that no other test uses.</summary>
    public static string NewLabel() => $"Pump {Guid.NewGuid().ToString("N")[..12]}";

    /// <summary>The broker's call.</summary>
    public static HttpClient Broker(this DevicesHost host, string key = DevicesHost.HookKey)
    {
        var client = host.Direct();
        client.DefaultRequestHeaders.Add("X-EasySmart-Hook-Key", key);
        return client;
    }

    public static Task<HttpResponseMessage> PostLoginAsync(this HttpClient broker, string json) =>
        broker.PostAsync("/internal/mqtt/authenticate", new StringContent(json, Encoding.UTF8, "application/json"), Cancellation);

    /// <summary>
    /// A login, under a client id that is the user name, as the firmware has it, and from an address where nobody failed before, where the
    /// test says nothing else.
    /// </summary>
    public static async Task<JsonElement> LogInAsync(
        this HttpClient broker, string? username, string? password, string? clientid = null, string? peerhost = null)
    {
        using var answer = await broker.PostLoginAsync(LoginBody(username, password, clientid, peerhost));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("application/json", answer.Content.Headers.ContentType!.ToString());
        return await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
    }

    public static string LoginBody(string? username, string? password, string? clientid = null, string? peerhost = null) =>
        JsonSerializer.Serialize(new { clientid = clientid ?? username ?? "any", username, password, peerhost = peerhost ?? NewAddress() });

    public static async Task<string> ResultOfAsync(
        this HttpClient broker, string? username, string? password, string? clientid = null, string? peerhost = null) =>
        (await broker.LogInAsync(username, password, clientid, peerhost)).GetProperty("result").GetString()!;

    /// <summary>Waits until a login ends like that: what SQL changed behind the service's back reaches its memory in its own time.</summary>
    public static Task EndsAsync(this HttpClient broker, string result, string? username, string? password) =>
        Eventually.TrueAsync(async () => await broker.ResultOfAsync(username, password) == result);

    public static string NewAddress() => new IPAddress([10, .. Guid.NewGuid().ToByteArray()[..3]]).ToString();

    /// <summary>A sister service's call.</summary>
    public static HttpClient Sister(this DevicesHost host, string key = DevicesHost.ServiceKey)
    {
        var client = host.Direct();
        client.DefaultRequestHeaders.Add("X-EasySmart-Service-Key", key);
        return client;
    }

    public static async Task<JsonElement> StateAsync(this DevicesHost host, Guid device) =>
        await host.Sister().GetFromJsonAsync<JsonElement>($"/internal/devices/{device}", Cancellation);
}

/// <summary>What a client keeps of the answer to provision; spelt here as contract.md spells it.</summary>
public sealed record ProvisionedDevice(
    Guid tenant_id, Guid device_id, string device_label, string device_secret, string mqtt_username, string broker, string broker_url,
    string topic_prefix);
