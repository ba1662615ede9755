namespace EasySmart.Contracts.Ingestion;

/// <summary>
/// What committed telemetry used, published by Ingestion about once a second. Every commit is told of in one event and no other. Entries add up:
/// each counts once.
/// </summary>
public sealed record UsageRecorded : IntegrationEvent
{
    /// <summary>One entry for each tenant and minute.</summary>
    public required IReadOnlyList<UsageEntry> Entries { get; init; }
}

/// <summary>Usage of one tenant in one minute, as far as this event tells it.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="Minute">The minute of arrival, UTC, seconds zero.</param>
/// <param name="Messages">Messages accepted.</param>
/// <param name="Readings">Rows newly stored: a repeat counts nothing.</param>
/// <param name="Bytes">Payload bytes of those rows.</param>
/// <param name="ReadingsDeleted">Rows removed, by retention or by a correction.</param>
/// <param name="BytesDeleted">Payload bytes of those.</param>
/// <param name="WebhookCalls">Calls of the webhook that brought the messages.</param>
/// <param name="Exports">Exports begun.</param>
public sealed record UsageEntry(
    Guid TenantId, DateTimeOffset Minute, long Messages, long Readings, long Bytes, long ReadingsDeleted = 0, long BytesDeleted = 0,
    long WebhookCalls = 0, long Exports = 0);
