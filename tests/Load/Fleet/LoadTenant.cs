using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace EasySmart.Load;

/// <summary>A tenant of this program's own, by the e-mail address and password of its administrator.</summary>
internal sealed record LoadTenant(string Email, string Password)
{
    private const int AtATime = 8;

    /// <summary>Makes one, as a customer would.</summary>
    public static async Task<LoadTenant> RegisterAsync(HttpClient gateway, CancellationToken cancellation)
    {
        var tenant = new LoadTenant($"{Guid.NewGuid():N}@example.com", "Correct-Horse-7");
        await PostAsync(gateway, "/api/v1/auth/register", tenant.Credentials, cancellation);
        return tenant;
    }

    private object Credentials => new { email = Email, password = Password };

    /// <summary>A client of the gateway that is its administrator for the next hour.</summary>
    public async Task<HttpClient> SignInAsync(RunningFleet fleet, CancellationToken cancellation)
    {
        var http = new HttpClient { BaseAddress = new Uri(fleet["EASYSMART_GATEWAY_URL"]), Timeout = TimeSpan.FromMinutes(10) };
        var signedIn = await PostAsync(http, "/api/v1/auth/login", Credentials, cancellation);
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", signedIn.GetProperty("access_token").GetString());
        return http;
    }

    /// <summary>Makes devices as its app would.</summary>
    public static async Task<LoadDevice[]> ProvisionAsync(HttpClient administrator, int count, CancellationToken cancellation)
    {
        var devices = new LoadDevice[count];
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = AtATime, CancellationToken = cancellation }, async (i, c) =>
        {
            var device = await PostAsync(administrator, "/api/v1/devices/provision", new { }, c);
            devices[i] = new LoadDevice(Text("mqtt_username"), Text("device_secret"), Text("topic_prefix"));

            string Text(string name) => device.GetProperty(name).GetString()!;
        });
        return devices;
    }

    private static async Task<JsonElement> PostAsync(HttpClient http, string path, object body, CancellationToken cancellation)
    {
        while (true)
        {
            using var answer = await http.PostAsJsonAsync(path, body, cancellation);
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
