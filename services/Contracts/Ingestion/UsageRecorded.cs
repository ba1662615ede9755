namespace EasySmart.Contracts.Ingestion;

/// <summary>What one committed batch of telemetry used, published by Ingestion in that batch's commit. Entries add up: each counts once.</summary>
public sealed record UsageRecorded : IntegrationEvent
{
    /// <summary>One entry for each tenant and minute in the batch.</summary>
    public required IReadOnlyList<UsageEntry> Entries { get; init; }
}

/// <summary>Usage of one tenant in one minute, as one batch saw it.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="Minute">The minute of arrival, UTC, seconds zero.</param>
/// <param name="Messages">Messages accepted.</param>
/// <param name="Readings">Rows newly stored: a repeat counts nothing.</param>
/// <param name="Bytes">Payload bytes of those rows.</param>
public sealed record UsageEntry(Guid TenantId, DateTimeOffset Minute, long Messages, long Readings, long Bytes);
