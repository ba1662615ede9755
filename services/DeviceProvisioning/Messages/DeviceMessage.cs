namespace EasySmart.DeviceProvisioning.Messages;

/// <summary>What a device said to this service. Its topic is believed only when the device is that tenant's.</summary>
/// <param name="Tenant">The tenant of the topic.</param>
/// <param name="Device">The device of the topic.</param>
/// <param name="At">When it came.</param>
public abstract record DeviceMessage(Guid Tenant, Guid Device, DateTimeOffset At);

/// <summary>What it says of itself on its status topic, or its last will does.</summary>
/// <param name="Tenant">The tenant of the topic.</param>
/// <param name="Device">The device of the topic.</param>
/// <param name="At">When it came.</param>
/// <param name="Status"><c>online</c> or <c>offline</c>.</param>
/// <param name="FirmwareVersion">Null when it does not say.</param>
/// <param name="Replayed">The broker kept it, and it is of some time ago.</param>
public sealed record StatusReport(Guid Tenant, Guid Device, DateTimeOffset At, string Status, string? FirmwareVersion, bool Replayed)
    : DeviceMessage(Tenant, Device, At);

/// <summary>Its answer to a command.</summary>
/// <param name="Tenant">The tenant of the topic.</param>
/// <param name="Device">The device of the topic.</param>
/// <param name="At">When it came.</param>
/// <param name="Command">The command's id.</param>
/// <param name="Done">Whether it did it.</param>
/// <param name="Result">JSON.</param>
/// <param name="Error">What went wrong.</param>
public sealed record CommandAnswer(Guid Tenant, Guid Device, DateTimeOffset At, Guid Command, bool Done, string? Result, string? Error)
    : DeviceMessage(Tenant, Device, At);
