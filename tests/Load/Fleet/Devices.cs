using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace EasySmart.Load;

/// <summary>A device as its firmware knows itself.</summary>
/// <param name="Id">Its id, and its MQTT user name.</param>
/// <param name="Secret">Its MQTT password.</param>
/// <param name="TopicPrefix">What it publishes under, <c>tenants/{tenant_id}/devices/{device_id}/telemetry</c>.</param>
internal sealed record LoadDevice(string Id, string Secret, string TopicPrefix)
{
    public Guid DeviceId { get; } = Guid.Parse(Id);

    public Guid TenantId { get; } = Guid.Parse(TopicPrefix.Split('/')[1]);
}

/// <summary>Makes devices as an app would, through the gateway; kept beside the fleet's own secrets, where only its user reads, for the next run.</summary>
internal static class Devices
{
    // One user may ask 600 times a minute, and an address may register ten.
    private const int PerTenant = 500;
    private const int AtATime = 8;

    public static async Task<LoadDevice[]> GetAsync(RunningFleet fleet, int count, CancellationToken cancellation)
    {
        var file = Path.Combine(fleet.State, "load-devices.json");
        var kept = File.Exists(file) ? Read(await File.ReadAllTextAsync(file, cancellation)) : [];
        if (kept.Length >= count)
        {
            return kept[..count];
        }

        Console.WriteLine($"Making {count - kept.Length} devices");
        using var http = new HttpClient { BaseAddress = new Uri(fleet["EASYSMART_GATEWAY_URL"]) };
        var all = new List<LoadDevice>(kept);
        while (all.Count < count)
        {
            all.AddRange(await MakeAsync(http, Math.Min(PerTenant, count - all.Count), cancellation));
            Console.WriteLine($"  {all.Count}");
            await File.WriteAllTextAsync(file, JsonSerializer.Serialize(all), cancellation);
        }

        return [.. all];
    }

    // An earlier state of this program did not keep the topics.
    private static LoadDevice[] Read(string file) => file.Contains(nameof(LoadDevice.TopicPrefix), StringComparison.Ordinal)
        ? JsonSerializer.Deserialize<LoadDevice[]>(file)! : [];

    private static async Task<LoadDevice[]> MakeAsync(HttpClient http, int count, CancellationToken cancellation)
    {
        var user = await PostAsync(http, "/api/v1/auth/register", null, new { email = $"{Guid.NewGuid():N}@example.com", password = "Correct-Horse-7" }, cancellation);
        var token = user.GetProperty("access_token").GetString();
        var devices = new LoadDevice[count];
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = AtATime, CancellationToken = cancellation }, async (i, c) =>
        {
            var device = await PostAsync(http, "/api/v1/devices/provision", token, new { }, c);
            devices[i] = new LoadDevice(Text("mqtt_username"), Text("device_secret"), Text("topic_prefix"));

            string Text(string name) => device.GetProperty(name).GetString()!;
        });
        return devices;
    }

    private static async Task<JsonElement> PostAsync(HttpClient http, string path, string? token, object body, CancellationToken cancellation)
    {
        while (true)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
            request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
            using var answer = await http.SendAsync(request, cancellation);
            if (answer.StatusCode == HttpStatusCode.TooManyRequests)
            {
                await Task.Delay(answer.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(1), cancellation);
                continue;
            }

            answer.EnsureSuccessStatusCode();
            return await answer.Content.ReadFromJsonAsync<JsonElement>(cancellation);
        }
    }
}
