using EasySmart.Contracts.Quotas;

namespace EasySmart.ServiceDefaults.Errors;

/// <summary>A limit, what is used of it now, and what happens at it. A 429 that comes of it names the same in its <c>details</c>.</summary>
/// <param name="Limit">Its name, as a 429 tells it. <example>storage_mb</example></param>
/// <param name="Scope">Whose use counts: the <c>tenant</c>'s, or each <c>device</c>'s. <example>tenant</example></param>
/// <param name="Max">How much is allowed; 0 means unlimited. <example>1000</example></param>
/// <param name="Used">How much is used now; null where that is to be asked of each device. <example>812.5</example></param>
/// <param name="Remaining">How much is left; null when unlimited, or when it is not known how much is used. <example>187.5</example></param>
/// <param name="Percent">The share that is used, rounded down; null as for <c>remaining</c>. <example>81.2</example></param>
/// <param name="Unit">What is counted, such as <c>messages</c> or <c>MB</c> (10⁶ bytes of payload). <example>MB</example></param>
/// <param name="WindowSeconds">For how long use counts; 0 for what counts until it ends or is given back. <example>0</example></param>
/// <param name="ResetsAt">
/// When time alone has freed it: the end of the window, or of a rest; null where there is nothing to wait for, or waiting does not free any.
/// </param>
/// <param name="State">
/// <c>ok</c>; <c>warning</c> from 80 % on; <c>blocked</c>, where more is refused now; <c>overage</c>, past it and metered; or <c>unlimited</c>.
/// <example>warning</example>
/// </param>
/// <param name="AtLimit">What happens at it. <example>Further readings are refused.</example></param>
public sealed record LimitView(
    string Limit, string Scope, long Max, double? Used, double? Remaining, double? Percent, string Unit, int WindowSeconds, DateTimeOffset? ResetsAt,
    string State, string AtLimit)
{
    /// <summary>The view with what follows from the numbers: what remains, the share that is used, and the state.</summary>
    /// <param name="limit">The limit's name.</param>
    /// <param name="scope"><c>tenant</c> or <c>device</c>.</param>
    /// <param name="max">How much is allowed, in <paramref name="unit"/>; 0 means unlimited.</param>
    /// <param name="used">How much is used, exactly: it is told to three decimals. Null when not known.</param>
    /// <param name="unit">What is counted.</param>
    /// <param name="atLimit">What happens at it.</param>
    /// <param name="reached"><c>blocked</c> or <c>overage</c> when the limit is met; null when not.</param>
    /// <param name="windowSeconds">Length of the window in seconds; 0 for none.</param>
    /// <param name="resetsAt">When time alone has freed it.</param>
    public static LimitView Of(
        string limit, string scope, long max, decimal? used, string unit, string atLimit, string? reached = null, int windowSeconds = 0,
        DateTimeOffset? resetsAt = null)
    {
        double? told = used is { } exact ? (double)Math.Round(exact, 3) : null;
        if (max == 0)
        {
            return new(limit, scope, 0, told, null, null, unit, windowSeconds, resetsAt, "unlimited", atLimit);
        }

        // Both null when it is not known how much is used; a comparison with null is false.
        var (left, thousandths) = (max - used, used * 1000 / max);
        return new(
            limit, scope, max, told, left is { } l ? (double)Math.Max(0, Math.Round(l, 3)) : null, thousandths is { } t ? (double)Math.Floor(t) / 10 : null,
            unit, windowSeconds, resetsAt, reached ?? (thousandths >= 10 * QuotaLevel.Warning ? "warning" : "ok"), atLimit);
    }
}
