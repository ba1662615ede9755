using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace EasySmart.Load;

/// <summary>The super-admin of the fleet.</summary>
internal static class Operator
{
    /// <summary>Lets the devices of these tenants send as fast as they can, and store as much as there is room for.</summary>
    public static async Task LiftLimitsAsync(RunningFleet fleet, IEnumerable<Guid> tenants, CancellationToken cancellation)
    {
        using var gateway = new HttpClient { BaseAddress = new Uri(fleet["EASYSMART_GATEWAY_URL"]) };
        using var login = await gateway.PostAsJsonAsync(
            "/api/v1/auth/login", new { email = fleet["EASYSMART_ADMIN_EMAIL"], password = fleet["EASYSMART_ADMIN_PASSWORD"] }, cancellation);
        login.EnsureSuccessStatusCode();
        var token = (await login.Content.ReadFromJsonAsync<JsonElement>(cancellation)).GetProperty("access_token").GetString();
        gateway.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach (var tenant in tenants.Distinct())
        {
            using var answer = await gateway.PatchAsJsonAsync($"/api/v1/tenants/{tenant}/quotas", new { quota_msgs_per_min = 0, quota_storage_mb = 0 }, cancellation);
            answer.EnsureSuccessStatusCode();
        }
    }
}
