using EasySmart.Contracts.DeviceProvisioning;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>A device of the fleet, from the factory on. <see cref="TenantId"/> is null until a tenant claims it.</summary>
public sealed class Device
{
    public required Guid Id { get; init; }

    public Guid? TenantId { get; init; }

    /// <summary>Unique across the platform, case-sensitive: it serves as MQTT user name.</summary>
    public string? DeviceLabel { get; set; }

    public required DeviceStatus Status { get; init; }

    /// <summary>The tenant's user who provisioned or claimed it.</summary>
    public Guid? OwnerUserId { get; init; }

    public string? HardwareId { get; init; }

    public string? FirmwareVersion { get; init; }

    public DateTimeOffset? LastSeenAt { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Given by the database; only grows, across all devices.</summary>
    public long Version { get; private set; }

    /// <summary>The device's whole state for the replicas; after <c>SaveChangesAsync</c>, which brings the version.</summary>
    public DeviceChanged Changed(DateTimeOffset at, string? requestId) => new()
    {
        OccurredAt = at,
        RequestId = requestId,
        DeviceId = Id,
        TenantId = TenantId,
        DeviceLabel = DeviceLabel,
        Status = Status,
        Version = Version,
    };
}
