using System.Globalization;

namespace EasySmart.BillingQuota.Snapshots;

/// <summary>The months of snapshots, in UTC.</summary>
internal static class Period
{
    /// <summary>The first day of the month that a time is in.</summary>
    public static DateOnly MonthOf(DateTime time) => new(time.Year, time.Month, 1);

    public static DateTime Begin(DateOnly month) => month.ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc);

    /// <summary>Such as <c>2026-11</c>.</summary>
    public static string Of(DateOnly month) => month.ToString("yyyy-MM", CultureInfo.InvariantCulture);
}
