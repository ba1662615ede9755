namespace EasySmart.DeviceProvisioning.Commands;

/// <summary>Something that a tenant told a device to do.</summary>
public sealed class Command
{
    public required Guid Id { get; init; }

    /// <summary>Given by the database: the order in which they are sent.</summary>
    public long Number { get; private set; }

    public required Guid TenantId { get; init; }

    public required Guid DeviceId { get; init; }

    public required string Name { get; init; }

    /// <summary>JSON.</summary>
    public string? Payload { get; init; }

    public required CommandState State { get; init; }

    public Guid? CreatedBy { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public DateTimeOffset? SentAt { get; init; }

    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>JSON.</summary>
    public string? Result { get; init; }

    public string? Error { get; init; }
}

/// <summary>How far a command has come.</summary>
public enum CommandState
{
    /// <summary>Waits for its device to come back.</summary>
    Queued,

    /// <summary>The broker has it for the device, which has not answered.</summary>
    Sent,

    /// <summary>The device did it.</summary>
    Acknowledged,

    /// <summary>The device could not do it.</summary>
    Failed,

    /// <summary>Its time was over without an answer.</summary>
    Expired,
}
