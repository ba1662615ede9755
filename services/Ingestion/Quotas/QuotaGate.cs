using EasySmart.Contracts.Quotas;
using EasySmart.Ingestion.Batches;
using EasySmart.Ingestion.Parsing;
using EasySmart.Ingestion.Tenants;
using EasySmart.ServiceDefaults.Errors;

namespace EasySmart.Ingestion.Quotas;

/// <summary>Holds messages that are fit to be stored against their tenant's quotas, from memory. Without quotas that are known there are no limits.</summary>
internal sealed class QuotaGate(Outages outages, TimeProvider clock)
{
    // Storage is freed by retention or by another plan, neither of which comes soon.
    private const int StorageRetrySeconds = 3600;

    /// <summary>The time that minutes go by.</summary>
    public DateTimeOffset Now => clock.GetUtcNow();

    /// <summary>Counts the message, once; what no quota allows becomes a rejection.</summary>
    public void Pass(Message message, TenantQuota? quota)
    {
        // What is refused anyway counts for nothing.
        if (!Array.Exists(message.Readings, reading => reading.Rejection is null))
        {
            return;
        }

        if (quota is { StorageBlocked: true })
        {
            var used = new LimitDetails(QuotaLimits.StorageMb, quota.QuotaStorageMb, quota.StorageBytes / 1_000_000, 0);
            Refuse(message, Rejections.QuotaStorage, new OverQuota(used, null, StorageRetrySeconds));
            return;
        }

        var (max, now) = (quota?.QuotaMsgsPerMin ?? 0, Now);
        // What a device could not send for hours is not held against this minute.
        if (Lanes.IsLate(message))
        {
            PassLate(message, max, ReadingTime.Micros(now));
            return;
        }

        (message.CountedIn, var messages) = message.Device!.Minute.Take(ReadingTime.Micros(now), max, outages, out var taken);
        if (!taken)
        {
            var end = MinuteWindow.EndOf(message.CountedIn);
            Refuse(message, Rejections.QuotaMessages, new OverQuota(
                new LimitDetails(QuotaLimits.MessagesPerMinute, max, messages, MinuteWindow.Seconds), end, (int)Math.Ceiling((end - now).TotalSeconds)));
        }
    }

    private static void PassLate(Message message, int max, long now)
    {
        var (backlog, most) = (message.Device!.Backlog, Backlog.Most(max));
        var fits = backlog.TryTake(now, max, out var crossed);
        if (crossed > 0)
        {
            var used = fits ? backlog.At(now, max).Used : most;
            message.Crossed = new Crossing(message.TenantId, message.DeviceId, QuotaLimits.LateMessages, crossed, most, used);
        }

        if (!fits)
        {
            Refuse(message, Rejections.QuotaLateMessages, new OverQuota(
                new LimitDetails(QuotaLimits.LateMessages, most, most, Backlog.Seconds), null, Backlog.RetrySeconds(max)));
        }
    }

    private static void Refuse(Message message, string reason, OverQuota over) => (message.Rejection, message.Over, message.Readings) = (reason, over, []);
}
