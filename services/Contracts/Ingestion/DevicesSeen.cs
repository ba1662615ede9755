namespace EasySmart.Contracts.Ingestion;

/// <summary>Devices that sent a reading, published by Ingestion at most about once a minute for each device.</summary>
public sealed record DevicesSeen : IntegrationEvent
{
    /// <summary>The devices, each with its newest arrival.</summary>
    public required IReadOnlyList<SeenEntry> Entries { get; init; }
}

/// <summary>One device that was seen.</summary>
/// <param name="TenantId">Its tenant at that time.</param>
/// <param name="DeviceId">The device.</param>
/// <param name="SeenAt">Arrival of its newest message, UTC.</param>
public sealed record SeenEntry(Guid TenantId, Guid DeviceId, DateTimeOffset SeenAt);
