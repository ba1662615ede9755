namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>A device that is to be made.</summary>
/// <param name="Device">What the line says.</param>
/// <param name="ClaimCode">Its claim code; null when it brings the hash of one.</param>
internal sealed record NewDevice(ImportedDevice Device, string? ClaimCode);

/// <summary>A device that is there.</summary>
internal sealed record KnownDevice(Guid Id, string? HardwareId, string? Label, bool IsUnclaimed, string? KeyId);

/// <summary>Devices that are there, by what a line may call them.</summary>
internal sealed class KnownDevices(List<KnownDevice> devices)
{
    private readonly Dictionary<Guid, KnownDevice> _byId = devices.ToDictionary(d => d.Id);
    private readonly Dictionary<string, KnownDevice> _byHardwareId = devices.Where(d => d.HardwareId is not null).ToDictionary(d => d.HardwareId!);

    internal KnownDevice? Of(ImportedDevice device) =>
        (device.HardwareId is { } hardwareId ? _byHardwareId.GetValueOrDefault(hardwareId) : null) ?? (device.HasOwnId ? _byId.GetValueOrDefault(device.Id) : null);
}
