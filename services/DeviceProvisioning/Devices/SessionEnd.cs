namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>
/// A live session at the broker that a change still owes an end: committed with the change, so that a crash right after it forgets nothing.
/// </summary>
public sealed class SessionEnd
{
    /// <summary>Given by the database.</summary>
    public long Id { get; private set; }

    public required Guid TenantId { get; init; }

    /// <summary>Null for all devices of the tenant.</summary>
    public Guid? DeviceId { get; init; }

    /// <summary>Only sessions that logged in with this secret; null for all.</summary>
    public Guid? CredentialId { get; init; }

    /// <summary>The label that the device could log in with until now.</summary>
    public string? Label { get; init; }

    public required DateTimeOffset DueAt { get; init; }

    /// <summary>Ends all sessions of a device, which its tenant has at this moment.</summary>
    public static SessionEnd Of(Device device, DateTimeOffset now) =>
        new() { TenantId = device.TenantId!.Value, DeviceId = device.Id, Label = device.DeviceLabel, DueAt = now };
}
