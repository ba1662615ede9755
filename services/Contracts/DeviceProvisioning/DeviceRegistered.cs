namespace EasySmart.Contracts.DeviceProvisioning;

/// <summary>A tenant got a device, by provision or by claim. Published by DeviceProvisioning; people are notified of it.</summary>
public sealed record DeviceRegistered : IntegrationEvent
{
    /// <summary>The tenant that got it.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>The device.</summary>
    public required Guid DeviceId { get; init; }

    /// <summary>Its label.</summary>
    public required string DeviceLabel { get; init; }

    /// <summary><c>provision</c> or <c>claim</c>.</summary>
    public required string Source { get; init; }

    /// <summary>Who did it; null when an API key did.</summary>
    public Guid? UserId { get; init; }

    /// <summary>That user's e-mail address.</summary>
    public string? UserEmail { get; init; }

    /// <summary>Status right after it.</summary>
    public required DeviceStatus Status { get; init; }
}
