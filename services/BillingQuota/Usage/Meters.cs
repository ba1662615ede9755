namespace EasySmart.BillingQuota.Usage;

/// <summary>What is metered, by the names that the ledger and the API have for it.</summary>
internal static class Meters
{
    public const string Messages = "messages";
    public const string Readings = "readings";
    public const string BytesStored = "bytes_stored";
    public const string ReadingsDeleted = "readings_deleted";
    public const string BytesDeleted = "bytes_deleted";

    /// <summary>One for each device that the tenant holds when an hour ends.</summary>
    public const string DeviceHours = "device_hours";

    public const string WebhookCalls = "webhook_calls";
    public const string Exports = "exports";

    public static readonly string[] All =
        [Messages, Readings, BytesStored, ReadingsDeleted, BytesDeleted, DeviceHours, WebhookCalls, Exports];
}
