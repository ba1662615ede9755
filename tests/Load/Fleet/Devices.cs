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

    /// <summary>So many devices, whose tenants have no limits.</summary>
    public static async Task<LoadDevice[]> GetAsync(RunningFleet fleet, int count, CancellationToken cancellation)
    {
        var file = Path.Combine(fleet.State, "load-devices.json");
        var kept = File.Exists(file) ? Read(await File.ReadAllTextAsync(file, cancellation)) : [];
        if (kept.Length < count)
        {
            kept = await MakeAsync(fleet, kept, count, file, cancellation);
        }

        await UnlimitedQuotas.GiveAsync(fleet, [.. kept[..count].Select(device => device.TenantId).Distinct()], cancellation);
        return kept[..count];
    }

    private static async Task<LoadDevice[]> MakeAsync(RunningFleet fleet, LoadDevice[] kept, int count, string file, CancellationToken cancellation)
    {
        Console.WriteLine($"Making {count - kept.Length} devices");
        using var gateway = new HttpClient { BaseAddress = new Uri(fleet["EASYSMART_GATEWAY_URL"]) };
        var all = new List<LoadDevice>(kept);
        while (all.Count < count)
        {
            var tenant = await LoadTenant.RegisterAsync(gateway, cancellation);
            using var administrator = await tenant.SignInAsync(fleet, cancellation);
            all.AddRange(await LoadTenant.ProvisionAsync(administrator, Math.Min(PerTenant, count - all.Count), cancellation));
            Console.WriteLine($"  {all.Count}");
            await File.WriteAllTextAsync(file, JsonSerializer.Serialize(all), cancellation);
        }

        return [.. all];
    }

    // An earlier state of this program did not keep the topics.
    private static LoadDevice[] Read(string file) => file.Contains(nameof(LoadDevice.TopicPrefix), StringComparison.Ordinal)
        ? JsonSerializer.Deserialize<LoadDevice[]>(file)! : [];
}
