using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests.Devices;

/// <summary>A device as it leaves the factory.</summary>
/// <param name="Id">Its id.</param>
/// <param name="HardwareId">What is burnt into it.</param>
/// <param name="ClaimCode">On its sticker.</param>
/// <param name="HardwareKey">What it signs with as its hardware id.</param>
/// <param name="DeviceKey">What it signs with as its device id.</param>
internal sealed record Manufactured(Guid Id, string HardwareId, string ClaimCode, string HardwareKey, string DeviceKey);

/// <summary>The manufacturer: imports devices as the operator's super-admin.</summary>
internal static class Factory
{
    private static readonly HttpClient Http = new() { BaseAddress = Fleet.Gateway };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A hardware id that nobody has: at most 15 characters.</summary>
    public static string NewHardwareId() => "hw" + Guid.NewGuid().ToString("N")[..13];

    public static async Task<Manufactured> MakeAsync() => (await ImportAsync(NewHardwareId()))[0];

    public static async Task<IReadOnlyList<Manufactured>> ImportAsync(params string[] hardwareIds)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/devices/import")
        {
            Content = new StringContent("hardware_id,model\r\n" + string.Concat(hardwareIds.Select(id => $"{id},\"Gateway, small\"\r\n")), Encoding.UTF8, "text/csv"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await Tenant.SuperAdminTokenAsync());
        using var answer = await Http.SendAsync(request, Cancellation);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.IsSuccessStatusCode, text);
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<JsonElement>(line)).ToArray();
        Assert.Equal(hardwareIds.Length, lines[^1].GetProperty("created").GetInt32());
        return [.. lines[..^1].Select(line => new Manufactured(
            line.GetProperty("device_id").GetGuid(),
            line.GetProperty("hardware_id").GetString()!,
            line.GetProperty("claim_code").GetString()!,
            line.GetProperty("hardware_id_key").GetString()!,
            line.GetProperty("device_id_key").GetString()!))];
    }

    /// <summary>The key that a factory burns into a device before it tells the platform of it: derived from the manufacturing master key.</summary>
    public static string KeyOf(string identity) => Hex(HMACSHA256.HashData(
        Encoding.UTF8.GetBytes(TestServers.Required("EASYSMART_MANUFACTURING_KEY")), Encoding.ASCII.GetBytes(identity)));

    public static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
