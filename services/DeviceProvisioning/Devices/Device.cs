using EasySmart.Contracts.DeviceProvisioning;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>A device of the fleet, from the factory on. <see cref="TenantId"/> is null until a tenant claims it.</summary>
public sealed class Device
{
    public required Guid Id { get; init; }

    public Guid? TenantId { get; set; }

    /// <summary>Unique across the platform, case-sensitive: it serves as MQTT user name.</summary>
    public string? DeviceLabel { get; set; }

    public required DeviceStatus Status { get; set; }

    /// <summary>The tenant's user who provisioned or claimed it.</summary>
    public Guid? OwnerUserId { get; set; }

    public string? HardwareId { get; init; }

    public string? Model { get; set; }

    public string? HardwareRevision { get; set; }

    public string? FirmwareVersion { get; set; }

    /// <summary>Whatever its tenant notes about it: a JSON object.</summary>
    public string Metadata { get; set; } = "{}";

    public string[] Tags { get; set; } = [];

    public DateTimeOffset? ClaimedAt { get; set; }

    /// <summary>Its first sign of life in its tenant's hands.</summary>
    public DateTimeOffset? ActivatedAt { get; set; }

    public DateTimeOffset? LastSeenAt { get; set; }

    /// <summary>The address that it last connected from.</summary>
    public string? LastIp { get; set; }

    /// <summary>What it last said of itself on its status topic: <c>online</c> or <c>offline</c>.</summary>
    public string? Reported { get; set; }

    public DateTimeOffset? ReportedAt { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Given by the database; only grows, across all devices.</summary>
    public long Version { get; internal set; }

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
