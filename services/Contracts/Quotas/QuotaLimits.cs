namespace EasySmart.Contracts.Quotas;

/// <summary>What the quotas of a plan are called wherever one is told of: in a 429, in the answers that explain limits, in events and audit records.</summary>
public static class QuotaLimits
{
    /// <summary>Devices that a tenant may hold.</summary>
    public const string Devices = "devices";

    /// <summary>Messages a minute, for each device.</summary>
    public const string MessagesPerMinute = "messages_per_minute";

    /// <summary>Messages with old readings only, of the last 30 days, for each device.</summary>
    public const string LateMessages = "late_messages";

    /// <summary>MB (10⁶ bytes) of payload that a tenant may keep stored.</summary>
    public const string StorageMb = "storage_mb";
}
