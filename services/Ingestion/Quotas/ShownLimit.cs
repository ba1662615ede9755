using EasySmart.Contracts.Quotas;
using EasySmart.Ingestion.Tenants;

namespace EasySmart.Ingestion.Quotas;

/// <summary>A limit, what is used of it, and what happens at it.</summary>
/// <param name="Limit">Its name, as a 429 tells it. <example>messages_per_minute</example></param>
/// <param name="Scope">Whose use counts: <c>tenant</c> or <c>device</c>. <example>device</example></param>
/// <param name="Max">How much it allows; 0 is without limit. <example>360</example></param>
/// <param name="Used">How much is used now. <example>90</example></param>
/// <param name="Remaining">How much is left; null without limit. <example>270</example></param>
/// <param name="Percent">How much of it is used, rounded down; null without limit. <example>25</example></param>
/// <param name="Unit">What is counted: <c>messages</c> or <c>MB</c> (10⁶ bytes of payload). <example>messages</example></param>
/// <param name="WindowSeconds">For how long it counts; 0 for what is kept, such as storage. <example>60</example></param>
/// <param name="ResetsAt">When counting starts anew; null for what is kept.</param>
/// <param name="State">
/// <c>ok</c>; <c>warning</c> from 80 %; <c>blocked</c>; <c>overage</c>, past the limit and metered; <c>unlimited</c>. <example>ok</example>
/// </param>
/// <param name="AtLimit">What happens at the limit. <example>Further messages of this minute are refused and recorded; POST /telemetry answers 429.</example></param>
public sealed record ShownLimit(
    string Limit,
    string Scope,
    long Max,
    double Used,
    double? Remaining,
    double? Percent,
    string Unit,
    int WindowSeconds,
    DateTimeOffset? ResetsAt,
    string State,
    string AtLimit)
{
    private const string Nothing = "There is no limit; what is used is counted.";

    internal static ShownLimit OfMessages(int max, long used, long minute) => Of(
        QuotaLimits.MessagesPerMinute, "device", max, used, "messages", MinuteWindow.Seconds, MinuteWindow.EndOf(minute),
        max > 0 && used >= max ? "blocked" : null,
        "Further messages of this minute are refused and recorded, and the device is told on events/errors; POST /telemetry answers 429. "
        + "A message with many readings counts as one; one whose readings are all more than 5 minutes old counts as late.");

    internal static ShownLimit OfLateMessages(int max, (long Used, DateTimeOffset? WholeAt) backlog) => Of(
        QuotaLimits.LateMessages, "device", Backlog.Most(max), backlog.Used, "messages", Backlog.Seconds, backlog.WholeAt,
        max > 0 && backlog.Used >= Backlog.Most(max) ? "blocked" : null,
        "A message whose readings are all more than 5 minutes old counts here instead of in its minute. Past what the quota allowed in 30 days, such "
        + "messages are refused and recorded but for one at a time, as the quota allows; POST /telemetry answers 429.");

    internal static ShownLimit OfStorage(TenantQuota? quota, long bytes)
    {
        var max = quota?.QuotaStorageMb ?? 0;
        var overage = quota is { AllowOverage: true, PlanType: "enterprise" };
        return Of(
            QuotaLimits.StorageMb, "tenant", max, Math.Round(bytes / 1e6, 3), "MB", 0, null,
            quota is { StorageBlocked: true } ? "blocked" : overage && max > 0 && bytes >= max * 1_000_000L ? "overage" : null,
            overage
                ? "Messages are stored all the same, and what goes beyond the limit is metered."
                : "Messages of all the tenant's devices are refused and recorded until retention frees room or the limit is raised; POST /telemetry answers 429.");
    }

    private static ShownLimit Of(
        string limit, string scope, long max, double used, string unit, int window, DateTimeOffset? resetsAt, string? state, string atLimit) => new(
        limit, scope, max, used, max == 0 ? null : Math.Round(Math.Max(0, max - used), 3), max == 0 ? null : Math.Floor(used * 1000 / max) / 10, unit, window,
        resetsAt, state ?? (max == 0 ? "unlimited" : used * 100 >= max * 80.0 ? "warning" : "ok"), max == 0 ? Nothing : atLimit);
}
