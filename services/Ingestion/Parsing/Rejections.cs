namespace EasySmart.Ingestion.Parsing;

/// <summary>Why a message is refused, as tenants read it in the table <c>rejections</c> and operators in a metric's label.</summary>
internal static class Rejections
{
    public const string BadTopic = "bad_topic";
    public const string BadSlot = "bad_slot";
    public const string TooLarge = "too_large";
    public const string InvalidUtf8 = "invalid_utf8";
    public const string BadJson = "bad_json";
    public const string TooDeep = "too_deep";

    /// <summary>A string with <c>\u0000</c> or half a surrogate pair: JSON, and no text that a database keeps.</summary>
    public const string BadText = "bad_text";
    public const string NumberOutOfRange = "number_out_of_range";
    public const string BadTimestamp = "bad_timestamp";

    /// <summary>More than 5 minutes ahead of its arrival.</summary>
    public const string TimestampInFuture = "timestamp_in_future";

    /// <summary>Older than the tenant's readings are kept.</summary>
    public const string TimestampTooOld = "timestamp_too_old";
    public const string UnknownDevice = "unknown_device";
    public const string TenantMismatch = "tenant_mismatch";

    /// <summary>The broker says that another device sent it.</summary>
    public const string SenderMismatch = "sender_mismatch";
    public const string DeviceInactive = "device_inactive";
    public const string TenantSuspended = "tenant_suspended";

    /// <summary>More messages in this minute than the plan allows a device.</summary>
    public const string QuotaMessages = "quota_messages";

    /// <summary>More late messages than the plan allowed a device in the last 30 days.</summary>
    public const string QuotaLateMessages = "quota_late_messages";

    /// <summary>The tenant's plan allows no more to be stored.</summary>
    public const string QuotaStorage = "quota_storage";

    /// <summary>The time is taken by another value; the first stays.</summary>
    public const string Conflict = "conflict";

    /// <summary>The parser let it pass and the database refused it: a gap in the parser, worth a look.</summary>
    public const string Unstorable = "unstorable";
}
