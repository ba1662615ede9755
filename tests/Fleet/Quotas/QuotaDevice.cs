using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Fleet.Tests.Devices;
using EasySmart.Hosting;
using MQTTnet;
using MQTTnet.Protocol;

namespace EasySmart.Fleet.Tests.Quotas;

/// <summary>A device that a quota is tried with: over MQTT as itself, and through the webhook by an API key of its tenant's.</summary>
internal sealed class QuotaDevice : IAsyncDisposable
{
    private readonly IMqttClient _client = DeviceClient.Make();
    private readonly HttpClient _webhook = new() { BaseAddress = Fleet.Gateway };
    private readonly ConcurrentQueue<JsonElement> _errors = new();

    private QuotaDevice(Tenant tenant, Device device) => (Tenant, Device) = (tenant, device);

    public Tenant Tenant { get; }

    public Device Device { get; }

    /// <summary>What it was told on its error topic.</summary>
    public IReadOnlyCollection<JsonElement> Errors => _errors;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A connected device, once ingestion knows its tenant's quotas.</summary>
    public static async Task<QuotaDevice> ConnectAsync(Tenant tenant)
    {
        var made = new QuotaDevice(tenant, await tenant.ProvisionAsync());
        var key = (await tenant.MakeKeyAsync(new { name = "webhook", scopes = new[] { "telemetry:write" } })).GetProperty("key").GetString()!;
        made._webhook.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        made._client.ApplicationMessageReceivedAsync += received =>
        {
            made._errors.Enqueue(JsonSerializer.Deserialize<JsonElement>(received.ApplicationMessage.ConvertPayloadToString()));
            return Task.CompletedTask;
        };
        await made._client.ConnectAsync(DeviceClient.Options(made.Device).Build(), Cancellation);
        await made._client.SubscribeAsync($"{made.Device.Root}/events/errors", MqttQualityOfServiceLevel.AtLeastOnce, Cancellation);
        return made;
    }

    /// <summary>Publishes at QoS 1; returns when it is acknowledged, whatever has become of it behind the broker.</summary>
    public async Task PublishAsync(string payload, int slot = 0) => Assert.Equal(
        MqttClientPublishReasonCode.Success,
        (await _client.PublishStringAsync(Device.Slot(slot), payload, MqttQualityOfServiceLevel.AtLeastOnce, cancellationToken: Cancellation)).ReasonCode);

    public Task<HttpResponseMessage> PostAsync(object payload, string query = "") => _webhook.PostAsJsonAsync(
        $"/api/v1/telemetry{query}", new { topic = Device.Slot(0), payload, timestamp = DateTimeOffset.UtcNow }, Cancellation);

    /// <summary>One of the limits that the device is told.</summary>
    public async Task<JsonElement> LimitAsync(string name) => Limit(await Tenant.ReadAsync(HttpMethod.Get, $"/api/v1/devices/{Device.Id}/limits"), name);

    /// <summary>One of the limits that the tenant is told.</summary>
    public static async Task<JsonElement> LimitOfTenantAsync(Tenant tenant, string name) => Limit(await tenant.ReadAsync(HttpMethod.Get, "/api/v1/tenants/me/limits"), name);

    /// <summary>Waits until ingestion goes by a limit of that size.</summary>
    public Task LimitedToAsync(string name, int max) => Eventually.TrueAsync(async () => (await LimitAsync(name)).GetProperty("max").GetInt64() == max);

    /// <summary>How many of its messages were refused for a reason.</summary>
    public async Task<long> RefusedAsync(string reason) =>
        (await Tenant.ReadAsync(HttpMethod.Get, $"/api/v1/telemetry/rejections?device_id={Device.Id}&reason={reason}")).EnumerateArray().Sum(r => r.GetProperty("count").GetInt64());

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        _webhook.Dispose();
        return default;
    }

    private static JsonElement Limit(JsonElement answer, string name) =>
        answer.GetProperty("limits").EnumerateArray().Single(limit => limit.GetProperty("limit").GetString() == name);
}
