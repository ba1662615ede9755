using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>Whoever makes devices, and the firmware that signs with what it was given; written anew from contract.md.</summary>
public static class Factory
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A hardware id that no other test uses, as long as one may be.</summary>
    public static string NewHardwareId() => $"T:{Guid.NewGuid().ToString("N")[..13]}";

    /// <summary>A program of the factory's.</summary>
    public static HttpClient Manufacturer(this DevicesHost host) => host.As(null, role: "super_admin", permissions: [Permissions.DevicesManufacture]);

    public static HttpClient SuperAdmin(this DevicesHost host, Guid? user = null) =>
        host.As(null, user, role: "super_admin", permissions: [Permissions.SystemAdmin]);

    public static Task<HttpResponseMessage> PostImportAsync(this HttpClient client, string body, string type = "application/x-ndjson", string query = "") =>
        client.PostAsync($"/devices/import{query}", Body(body, type), Cancellation);

    public static async Task<JsonElement[]> ImportAsync(this HttpClient client, string body, string type = "application/x-ndjson", string query = "")
    {
        using var answer = await client.PostImportAsync(body, type, query);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{answer.StatusCode}: {text}");
        Assert.Equal("application/x-ndjson", answer.Content.Headers.ContentType!.ToString());
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        return [.. text.TrimEnd('\n').Split('\n').Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
    }

    /// <summary>One device, fresh from the factory.</summary>
    public static async Task<ImportedDevice> MakeDeviceAsync(this DevicesHost host, string? label = null)
    {
        var lines = await host.Manufacturer().ImportAsync(JsonSerializer.Serialize(new { hardware_id = NewHardwareId(), device_label = label }));
        return lines[0].Deserialize<ImportedDevice>()!;
    }

    /// <summary>A device of the earlier system, with more fields than a factory has.</summary>
    public static async Task<ImportedDevice> BringOverAsync(this DevicesHost host, object fields) =>
        (await host.SuperAdmin().ImportAsync(JsonSerializer.Serialize(fields)))[0].Deserialize<ImportedDevice>()!;

    public static Task<HttpResponseMessage> PostClaimAsync(this HttpClient client, object body) => client.PostAsJsonAsync("/devices/claim", body, Cancellation);

    public static async Task ClaimAsync(this HttpClient client, ImportedDevice device)
    {
        using var answer = await client.PostClaimAsync(new { device.device_id, device.claim_code });
        Assert.True(answer.StatusCode == HttpStatusCode.OK, await answer.Content.ReadAsStringAsync(Cancellation));
    }

    /// <summary>A device of this tenant that may fetch its secret now.</summary>
    public static async Task<ImportedDevice> ClaimedAsync(this DevicesHost host, Guid tenant)
    {
        var device = await host.MakeDeviceAsync();
        await host.Installer(tenant).ClaimAsync(device);
        return device;
    }

    public static string Now(TimeSpan away = default) => (DateTimeOffset.UtcNow + away).ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);

    public static string Hmac(string key, string text) => Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(text)));

    public static object ByHardware(this ImportedDevice device, string? timestamp = null, string suffix = "")
    {
        timestamp ??= Now();
        return new { device.hardware_id, timestamp, signature = Hmac(device.hardware_id_key!, $"{device.hardware_id}:{timestamp}{suffix}") };
    }

    public static object ById(this ImportedDevice device, string? timestamp = null, string suffix = "")
    {
        timestamp ??= Now();
        return new { device.device_id, timestamp, signature = Hmac(device.device_id_key!, $"{device.device_id}:{timestamp}{suffix}") };
    }

    public static Task<HttpResponseMessage> BootstrapAsync(this DevicesHost host, object body) => host.Anonymous().PostAsJsonAsync("/devices/bootstrap", body, Cancellation);

    public static Task<HttpResponseMessage> SecretAsync(this DevicesHost host, object body) => host.Anonymous().PostAsJsonAsync("/devices/secret", body, Cancellation);

    public static Task<HttpResponseMessage> RotateAsync(this DevicesHost host, object body) =>
        host.Anonymous().PostAsJsonAsync("/devices/credentials/rotate", body, Cancellation);

    public static async Task<string> StatusAsync(this DevicesHost host, ImportedDevice device) =>
        (await host.BootstrapAsync(device.ByHardware()).OkAsync()).GetProperty("status").GetString()!;

    /// <summary>Nobody's again, with the label that it had.</summary>
    public static Task UnclaimAsync(this DevicesHost host, Guid device) => host.ScalarAsync<object>(
        "UPDATE devices SET status = 'unclaimed', tenant_id = NULL, owner_user_id = NULL, device_label = NULL WHERE id = $1", device);

    private static StringContent Body(string text, string type)
    {
        var content = new StringContent(text, Encoding.UTF8);
        content.Headers.Remove("Content-Type");
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        return content;
    }
}

/// <summary>What a factory keeps of a line of the answer; spelt here as the issue spells it.</summary>
public sealed record ImportedDevice(
    string result, string? hardware_id, Guid device_id, string? device_label, string? claim_code, string? key_id, string? hardware_id_key, string? device_id_key);
