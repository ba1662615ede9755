namespace EasySmart.Ingestion.Parsing;

/// <summary>What the reasons of <see cref="Rejections"/> mean, in a sentence for those whose messages were refused.</summary>
internal static class RejectionReasons
{
    private static readonly Dictionary<string, string> Sentences = new()
    {
        [Rejections.BadTopic] = "The topic is not tenants/{tenant_id}/devices/{device_id}/telemetry/slot/{n}",
        [Rejections.BadSlot] = "The slot is not a number from 0 to 32767",
        [Rejections.TooLarge] = "The payload is larger than 64 KiB",
        [Rejections.InvalidUtf8] = "The payload is not UTF-8 text",
        [Rejections.BadJson] = "The payload is not JSON",
        [Rejections.TooDeep] = "The payload's JSON is nested too deeply",
        [Rejections.BadText] = "The payload has text that cannot be stored: \\u0000 or half of a surrogate pair",
        [Rejections.NumberOutOfRange] = "The payload has a number that is too large or too long to be stored",
        [Rejections.BadTimestamp] = "ts is neither epoch milliseconds nor an RFC 3339 time that can be stored",
        [Rejections.TimestampInFuture] = "The reading's time is more than 5 minutes ahead of ours",
        [Rejections.TimestampTooOld] = "The reading's time is longer ago than the tenant's plan keeps readings",
        [Rejections.UnknownDevice] = "There is no such device",
        [Rejections.TenantMismatch] = "The topic names a tenant that the device does not belong to",
        [Rejections.SenderMismatch] = "The topic names another device than the one that sent it",
        [Rejections.DeviceInactive] = "The device is suspended, revoked or not claimed",
        [Rejections.TenantSuspended] = "The tenant is suspended",
        [Rejections.QuotaMessages] = "The device has sent more messages in this minute than its tenant's plan allows; the next minute counts anew. "
            + "Send fewer, several readings in one (an array is one message), or have the quota raised",
        [Rejections.QuotaLateMessages] = "The device has sent more messages with old readings than its tenant's plan allowed in the last 30 days; "
            + "one more is taken each time that the quota allows one",
        [Rejections.QuotaStorage] = "The tenant's storage quota is used up: nothing more is stored until retention frees room or the quota is raised",
        [Rejections.Conflict] = "The slot already has another value at this time, and the first one stays",
        [Rejections.Unstorable] = "The database refused to store it",
    };

    /// <summary>All reasons that there are.</summary>
    public static IReadOnlyCollection<string> All => Sentences.Keys;

    /// <summary>What a reason means.</summary>
    public static string Explain(string reason) => Sentences.GetValueOrDefault(reason, "The message was refused");
}
