using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>What a tenant's people do with devices that are there.</summary>
public static class Administration
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>An admin of the tenant.</summary>
    public static HttpClient Admin(this DevicesHost host, Guid tenant, Guid? user = null) => host.As(
        tenant, user, permissions: [Permissions.DevicesRead, Permissions.DevicesWrite, Permissions.DevicesProvision, Permissions.DevicesDelete]);

    /// <summary>A user of the tenant who is no admin.</summary>
    public static HttpClient User(this DevicesHost host, Guid tenant, Guid? user = null) => host.As(
        tenant, user, "tenant_user", permissions: [Permissions.DevicesRead, Permissions.DevicesWrite, Permissions.DevicesProvision]);

    public static Task<HttpResponseMessage> ActAsync(this HttpClient client, Guid device, string action) =>
        client.PostAsync($"/devices/{device}/{action}", null, Cancellation);

    public static Task<HttpResponseMessage> PatchAsync(this HttpClient client, Guid device, object change) =>
        client.PatchAsJsonAsync($"/devices/{device}", change, Cancellation);

    public static Task<HttpResponseMessage> ResetAsync(this HttpClient client, Guid? device, string? confirmation = "RESET") =>
        client.PostAsJsonAsync("/devices/reset", new { device_id = device, confirmation }, Cancellation);

    public static Task<HttpResponseMessage> DeleteAsync(this HttpClient client, Guid device) => client.DeleteAsync($"/devices/{device}", Cancellation);

    public static Task<JsonElement> ViewAsync(this HttpClient client, Guid device) =>
        client.GetFromJsonAsync<JsonElement>($"/devices/{device}", Cancellation);

    /// <summary>The body of an answer that must be 200.</summary>
    public static async Task<JsonElement> OkAsync(this Task<HttpResponseMessage> call)
    {
        using var answer = await call;
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{(int)answer.StatusCode}: {text}");
        return JsonSerializer.Deserialize<JsonElement>(text);
    }

    /// <summary>Ends of all its sessions that a device was owed; the worker may have seen to them.</summary>
    public static Task<long> SessionEndsAsync(this DevicesHost host, Guid device) =>
        host.ScalarAsync<long>("SELECT count(*) FROM owed_ends WHERE device_id = $1 AND credential_id IS NULL", device);

    /// <summary>Versions that replicas were told of the device, in the order of arrival, once there are so many.</summary>
    public static async Task<List<long>> VersionsAsync(this DevicesHost host, Guid device, int count)
    {
        await Hosting.Eventually.TrueAsync(() => Task.FromResult(
            host.Events.All<Contracts.DeviceProvisioning.DeviceChanged>(e => e.DeviceId == device).Count == count));
        return [.. host.Events.All<Contracts.DeviceProvisioning.DeviceChanged>(e => e.DeviceId == device).Select(e => e.Version)];
    }

    /// <summary>Inserts a session of the device at the broker, as its events tell.</summary>
    public static Task ConnectAsync(this DevicesHost host, Guid tenant, Guid device, DateTimeOffset at, bool connected = true) => host.ScalarAsync<int>(
        """
        INSERT INTO mqtt_sessions (client_id, tenant_id, device_id, username, connected, connected_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $6)
        """,
        Guid.NewGuid().ToString(), tenant, device, device.ToString(), connected, at);
}
