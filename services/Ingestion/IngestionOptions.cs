using System.ComponentModel.DataAnnotations;

namespace EasySmart.Ingestion;

/// <summary>Section <c>Ingestion</c>: how much is held and how much goes into one commit.</summary>
public sealed record IngestionOptions
{
    /// <summary>Rows of one commit; a message with many readings may go beyond it.</summary>
    [Range(1, 50_000, ErrorMessage = "Ingestion:BatchRows must be {1} to {2}")]
    public int BatchRows { get; init; } = 4000;

    /// <summary>From one commit to the next, unless one is full or somebody waits for it: how long messages gather.</summary>
    [Range(0, 10_000, ErrorMessage = "Ingestion:BatchMilliseconds must be {1} to {2}")]
    public int BatchMilliseconds { get; init; } = 20;

    /// <summary>Messages that one source may have in memory before it is read no further, in bytes.</summary>
    [Range(1 << 17, 1 << 30, ErrorMessage = "Ingestion:HeldBytes must be {1} to {2}")]
    public int HeldBytes { get; init; } = 32 << 20;

    /// <summary>How long a request with a reading waits for its commit before it is answered 503; one with many readings four times as long.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:00:25", ErrorMessage = "Ingestion:WebhookPatience must be {1} to {2}")]
    public TimeSpan WebhookPatience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Messages with readings older than 5 minutes that go before live ones, a second. What live ones leave free they get besides.</summary>
    [Range(1, 1_000_000, ErrorMessage = "Ingestion:LateMessagesPerSecond must be {1} to {2}")]
    public int LateMessagesPerSecond { get; init; } = 1000;

    /// <summary>How many of them wait aside. With those of unknown devices below the broker's receive window.</summary>
    [Range(1, 50_000, ErrorMessage = "Ingestion:LateMessages must be {1} to {2}")]
    public int LateMessages { get; init; } = 1000;

    /// <summary>Messages of devices that are not known yet. Below the broker's receive window, so that known devices go on.</summary>
    [Range(1, 50_000, ErrorMessage = "Ingestion:WaitingMessages must be {1} to {2}")]
    public int WaitingMessages { get; init; } = 1000;

    /// <summary>The same, in bytes.</summary>
    [Range(1 << 17, 1 << 30, ErrorMessage = "Ingestion:WaitingBytes must be {1} to {2}")]
    public int WaitingBytes { get; init; } = 8 << 20;

    /// <summary>For how many days refusals are kept.</summary>
    [Range(1, 3650, ErrorMessage = "Ingestion:RejectionDays must be {1} to {2}")]
    public int RejectionDays { get; init; } = 30;

    /// <summary>
    /// Seconds without a packet of the broker's from which on an instance was away: messages that waited there meanwhile are not held against
    /// the minute in which they come. Less is within a minute's quota, or just over it. More than half of Mqtt:KeepAliveSeconds.
    /// </summary>
    [Range(10, 86_400, ErrorMessage = "Ingestion:OutageSeconds is from 10 to 86400")]
    public int OutageSeconds { get; init; } = 20;
}
