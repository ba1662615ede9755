namespace EasySmart.BillingQuota.Usage;

/// <summary>Bytes of payload as the API tells them.</summary>
internal static class Storage
{
    /// <summary>MB of 10⁶ bytes, to the kilobyte.</summary>
    public static double Megabytes(long bytes) => Math.Round(bytes / 1e6, 3);
}
