namespace EasySmart.Contracts;

/// <summary>Something that happened, told to whom it concerns. Changes only by addition: a consumer ignores fields that it does not know.</summary>
public abstract record IntegrationEvent
{
    /// <summary>Identity of this event: a repeated delivery carries the same one (UUIDv7, made by the publisher).</summary>
    public Guid EventId { get; init; } = Guid.CreateVersion7();

    /// <summary>When it happened, UTC, by the publisher's clock.</summary>
    public required DateTimeOffset OccurredAt { get; init; }

    /// <summary>The <c>X-Request-ID</c> of the call that caused it; null when no call did.</summary>
    public string? RequestId { get; init; }
}
