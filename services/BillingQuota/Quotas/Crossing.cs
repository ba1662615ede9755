using System.Text.Json;
using EasySmart.Contracts;
using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.Quotas;
using EasySmart.ServiceDefaults;

namespace EasySmart.BillingQuota.Quotas;

/// <summary>The level of a tenant's quota has changed.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="Limit">Which quota: one of <see cref="QuotaLimits"/>.</param>
/// <param name="Before">The level so far.</param>
/// <param name="Level">The level now.</param>
/// <param name="Max">How much the quota allows.</param>
/// <param name="Used">How much is used.</param>
/// <param name="Overage">Whether the tenant goes on past it.</param>
internal sealed record Crossing(Guid TenantId, string Limit, int Before, int Level, long Max, long Used, bool Overage)
{
    /// <summary>What is told of a step that was reached. Of two steps at once only the higher is told.</summary>
    public IEnumerable<(IntegrationEvent Event, string Key)> Told(Cause cause)
    {
        var isFull = Level == QuotaLevel.Full;
        var what = Limit == QuotaLimits.StorageMb ? "storage" : Limit;
        yield return (
            new QuotaExceeded
            {
                OccurredAt = cause.At,
                RequestId = cause.RequestId,
                TenantId = TenantId,
                Limit = Limit,
                Percent = Level,
                Max = Max,
                Used = Used,
                Overage = Overage,
            },
            $"{TenantId}");
        yield return (
            new AuditRecorded
            {
                OccurredAt = cause.At,
                RequestId = cause.RequestId,
                TenantId = TenantId,
                EventType = isFull ? $"quota.{what}_exceeded" : $"quota.{what}_warning",
                EventCategory = "billing",
                Severity = isFull ? "critical" : "warning",
                ActorType = "system",
                ResourceType = "tenant",
                ResourceId = TenantId.ToString(),
                Action = "quota_check",
                Result = "success",
                Metadata = JsonSerializer.SerializeToElement(new { limit = Limit, percent = Level, max = Max, used = Used }, Json.Options),
            },
            $"{TenantId}");
    }
}
