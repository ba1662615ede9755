using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Fleet.Tests.Devices;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests;

/// <summary>A tenant that a test made for itself, as its app sees the product: through the gateway.</summary>
internal sealed class Tenant
{
    private static readonly HttpClient Http = new() { BaseAddress = Fleet.Gateway };
    private static readonly Lazy<Task<string>> SuperAdmin = new(LogSuperAdminInAsync);

    private Tenant(Guid id, Guid userId, string token) => (Id, UserId, Token) = (id, userId, token);

    public Guid Id { get; }

    /// <summary>Its admin, who makes every call here.</summary>
    public Guid UserId { get; }

    /// <summary>The admin's access token.</summary>
    public string Token { get; }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<Tenant> RegisterAsync()
    {
        using var answer = await Http.PostAsJsonAsync(
            "/api/v1/auth/register", new { email = $"{Guid.NewGuid():N}@example.com", password = "Correct-Horse-7" }, Cancellation);
        var body = await ReadAsync(answer, 201);
        var user = body.GetProperty("user");
        return new Tenant(user.GetProperty("tenant_id").GetGuid(), user.GetProperty("user_id").GetGuid(), body.GetProperty("access_token").GetString()!);
    }

    /// <summary>An access token of the super-admin of the fleet's configuration: one for all tests, since logins of one account are limited.</summary>
    public static Task<string> SuperAdminTokenAsync() => SuperAdmin.Value;

    /// <summary>Changes what it may use, as the operator does.</summary>
    public async Task<JsonElement> SetQuotasAsync(object quotas) => await ReadAsync(await TrySetQuotasAsync(quotas), 200);

    public Task<HttpResponseMessage> TrySetQuotasAsync(object quotas) => OperateAsync(HttpMethod.Patch, $"/api/v1/tenants/{Id}/quotas", quotas);

    /// <summary>Lets its devices send as fast as they can, and waits until ingestion has heard of it.</summary>
    public async Task<Tenant> WithoutMessageLimitAsync()
    {
        await SetQuotasAsync(new { quota_msgs_per_min = 0 });
        await using var telemetry = Fleet.Telemetry();
        await Eventually.TrueAsync(async () =>
        {
            await using var heard = telemetry.CreateCommand("SELECT quota_msgs_per_min FROM tenant_quotas WHERE tenant_id = $1");
            heard.Parameters.Add(new() { Value = Id });
            return await heard.ExecuteScalarAsync(Cancellation) is 0;
        });
        return this;
    }

    /// <summary>Calls as the super-admin.</summary>
    public static async Task<HttpResponseMessage> OperateAsync(HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await SuperAdminTokenAsync());
        return await Http.SendAsync(request, Cancellation);
    }

    private static async Task<string> LogSuperAdminInAsync()
    {
        using var answer = await Http.PostAsJsonAsync(
            "/api/v1/auth/login",
            new { email = TestServers.Required("EASYSMART_ADMIN_EMAIL"), password = TestServers.Required("EASYSMART_ADMIN_PASSWORD") },
            Cancellation);
        return (await ReadAsync(answer, 200)).GetProperty("access_token").GetString()!;
    }

    public async Task<Device> ProvisionAsync(string? label = null)
    {
        using var answer = await SendAsync(HttpMethod.Post, "/api/v1/devices/provision", JsonContent.Create(new { device_label = label }));
        var body = await ReadAsync(answer, 201);
        Assert.Equal(Id, body.GetProperty("tenant_id").GetGuid());
        return new Device(
            body.GetProperty("device_id").GetGuid(),
            body.GetProperty("device_label").GetString()!,
            body.GetProperty("device_secret").GetString()!,
            body.GetProperty("topic_prefix").GetString()!);
    }

    public Task<HttpResponseMessage> GetAsync(string path) => SendAsync(HttpMethod.Get, path, null);

    public Task<HttpResponseMessage> DeleteAsync(string path) => SendAsync(HttpMethod.Delete, path, null);

    public Task<HttpResponseMessage> PostAsync(string path, object body, string? idempotencyKey = null) =>
        SendAsync(HttpMethod.Post, path, JsonContent.Create(body), idempotencyKey);

    /// <summary>Makes an API key.</summary>
    public async Task<JsonElement> MakeKeyAsync(object body) => await ReadAsync(await PostAsync("/api/v1/api-keys", body), 201);

    /// <summary>Calls as its admin and returns the answer, which must be a good one.</summary>
    public async Task<JsonElement> ReadAsync(HttpMethod method, string path, object? body = null)
    {
        using var answer = await SendAsync(method, path, body is null ? null : JsonContent.Create(body));
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancellation));
        return await ReadAsync(answer, (int)answer.StatusCode);
    }

    public async Task<JsonElement> LatestAsync(Device device, int slot, string prefix = "/api/v1") =>
        await ReadAsync(await GetAsync($"{prefix}/telemetry/latest?slot={slot}&device_id={device.Id}"), 200);

    /// <summary>Waits until the slot's latest value is the payload that was published.</summary>
    public Task ReadsBackAsync(Device device, int slot, string payload, string prefix = "/api/v1", int seconds = 30) => Eventually.TrueAsync(
        async () => await LatestAsync(device, slot, prefix) is var latest
            && latest.TryGetProperty("value", out var value)
            && JsonElement.DeepEquals(value, JsonSerializer.Deserialize<JsonElement>(payload)),
        seconds);

    /// <summary>Claims a device with the code on its sticker.</summary>
    public async Task ClaimAsync(Manufactured device)
    {
        using var answer = await TryClaimAsync(device);
        Assert.Equal(device.Id, (await ReadAsync(answer, 200)).GetProperty("device_id").GetGuid());
    }

    public Task<HttpResponseMessage> TryClaimAsync(Manufactured device) =>
        PostAsync("/api/v1/devices/claim", new { device_id = device.Id, claim_code = device.ClaimCode });

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? body, string? idempotencyKey = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        return await Http.SendAsync(request, Cancellation);
    }

    public static async Task<JsonElement> ReadAsync(HttpResponseMessage answer, int status)
    {
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True((int)answer.StatusCode == status, $"{(int)answer.StatusCode}: {text}");
        return JsonSerializer.Deserialize<JsonElement>(text);
    }
}

/// <summary>What provisioning handed out.</summary>
internal sealed record Device(Guid Id, string Label, string Secret, string TopicPrefix)
{
    public string Slot(int slot) => $"{TopicPrefix}/slot/{slot}";

    /// <summary>Everything of the device is below this topic.</summary>
    public string Root => TopicPrefix[..TopicPrefix.LastIndexOf('/')];
}
