namespace EasySmart.Contracts.DeviceProvisioning;

/// <summary>
/// The whole new state of a device, published by DeviceProvisioning at every change that others act on. A replica applies it when
/// <see cref="Version"/> is newer than what it holds and ignores it otherwise, so repeats and reordering are harmless.
/// </summary>
public sealed record DeviceChanged : IntegrationEvent
{
    /// <summary>The device.</summary>
    public required Guid DeviceId { get; init; }

    /// <summary>Its tenant; null while unclaimed.</summary>
    public required Guid? TenantId { get; init; }

    /// <summary>Its label, unique across the platform; null while it has none.</summary>
    public required string? DeviceLabel { get; init; }

    /// <summary>Where it is in its life.</summary>
    public required DeviceStatus Status { get; init; }

    /// <summary>Only grows, across all devices.</summary>
    public required long Version { get; init; }
}
