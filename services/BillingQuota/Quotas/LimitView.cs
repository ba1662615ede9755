using EasySmart.Contracts.Quotas;

namespace EasySmart.BillingQuota.Quotas;

/// <summary>A limit, explained. A 429 that comes of it names the same.</summary>
/// <param name="Limit"><c>devices</c>, <c>messages_per_minute</c> or <c>storage_mb</c>. <example>storage_mb</example></param>
/// <param name="Scope">Whether it is the tenant's or each device's: <c>tenant</c> or <c>device</c>. <example>tenant</example></param>
/// <param name="Max">How much is allowed in a window; 0 means unlimited. <example>1000</example></param>
/// <param name="Used">How much is used now; null where that is to be asked of each device. <example>812.5</example></param>
/// <param name="Remaining">How much is left; null when unlimited. <example>187.5</example></param>
/// <param name="Percent">The share that is used, rounded down; null when unlimited. <example>81.2</example></param>
/// <param name="Unit">What is counted. <example>MB</example></param>
/// <param name="WindowSeconds">Length of the window; 0 for a stock, which does not reset. <example>0</example></param>
/// <param name="ResetsAt">When the window ends; null for a stock.</param>
/// <param name="State"><c>ok</c>, <c>warning</c> from 80 % on, <c>blocked</c>, <c>overage</c> (past it and metered) or <c>unlimited</c>. <example>warning</example></param>
/// <param name="AtLimit">What happens at it. <example>Further readings are refused.</example></param>
public sealed record LimitView(
    string Limit, string Scope, long Max, double? Used, double? Remaining, double? Percent, string Unit, int WindowSeconds, DateTimeOffset? ResetsAt,
    string State, string AtLimit)
{
    /// <summary>A tenant's limit of something that stays used until it is given back.</summary>
    /// <param name="limit">Its name.</param>
    /// <param name="unit">What is counted, as told.</param>
    /// <param name="max">How much is allowed, as told.</param>
    /// <param name="used">How much is used, as told.</param>
    /// <param name="exactUsed">How much is used, in the unit that is compared.</param>
    /// <param name="exactMax">How much is allowed, in the unit that is compared.</param>
    /// <param name="atLimit">What happens at it.</param>
    /// <param name="isBlocked">Whether that happens now.</param>
    internal static LimitView OfStock(string limit, string unit, long max, double used, long exactUsed, long exactMax, string atLimit, bool isBlocked)
    {
        if (max == 0)
        {
            return new(limit, "tenant", 0, used, null, null, unit, 0, null, "unlimited", atLimit);
        }

        var state = isBlocked ? "blocked"
            : exactUsed >= exactMax ? "overage"
            : QuotaLevel.Next(QuotaLevel.None, exactUsed, exactMax) == QuotaLevel.Warning ? "warning"
            : "ok";
        var percent = Math.Floor((double)exactUsed / exactMax * 1000) / 10;
        return new(limit, "tenant", max, used, Math.Max(0, Math.Round(max - used, 3)), percent, unit, 0, null, state, atLimit);
    }
}
