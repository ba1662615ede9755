using System.ComponentModel.DataAnnotations;
using System.Net;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.ServiceDefaults;

namespace EasySmart.Ingestion.Devices;

/// <summary>Where DeviceProvisioning is.</summary>
internal sealed record DeviceOwnerOptions
{
    [Required(ErrorMessage = "services:device-provisioning:http:0 is not configured")]
    public Uri? Address { get; set; }
}

/// <summary>A device as DeviceProvisioning answers it.</summary>
internal sealed record OwnedDevice(Guid DeviceId, Guid? TenantId, string? DeviceLabel, DeviceStatus Status, long Version)
{
    public KnownDevice Known => new(DeviceId, TenantId, Status, Version);
}

/// <summary>DeviceProvisioning's internal endpoints. Whatever is no answer throws: it is a passing fault, never a "no such device".</summary>
internal sealed class DeviceOwner(IHttpClientFactory clients)
{
    public const string Client = "device-provisioning";
    public const int PageSize = 1000;

    /// <summary>The device; null when its owner says that there is none.</summary>
    public async Task<KnownDevice?> FindAsync(Guid device, CancellationToken cancellation)
    {
        using var client = clients.CreateClient(Client);
        using var answer = await client.GetAsync($"internal/devices/{device}", cancellation);
        // A 404 that is not the owner's own (a proxy's, a wrong address) carries no envelope of its.
        if (answer.StatusCode == HttpStatusCode.NotFound
            && (await answer.Content.ReadAsStringAsync(cancellation)).Contains("\"not_found\"", StringComparison.Ordinal))
        {
            return null;
        }

        answer.EnsureSuccessStatusCode();
        var owned = await answer.Content.ReadFromJsonAsync<OwnedDevice>(Json.Options, cancellation);
        return owned?.DeviceId == device ? owned.Known : throw new InvalidDataException("DeviceProvisioning answered another device");
    }

    /// <summary>Devices with a version above <paramref name="after"/>, by version; fewer than <see cref="PageSize"/> on the last page.</summary>
    public async Task<IReadOnlyList<OwnedDevice>> PageAsync(long after, CancellationToken cancellation)
    {
        using var client = clients.CreateClient(Client);
        return await client.GetFromJsonAsync<List<OwnedDevice>>($"internal/devices?after={after}&limit={PageSize}", Json.Options, cancellation) ?? [];
    }
}
