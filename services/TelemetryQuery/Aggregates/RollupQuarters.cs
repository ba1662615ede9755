namespace EasySmart.TelemetryQuery.Aggregates;

/// <summary>The quarter hours that rollups are kept for.</summary>
internal static class RollupQuarters
{
    private static readonly long s_ticks = TimeSpan.FromMinutes(15).Ticks;

    public static DateTime Floor(DateTime time) => time.AddTicks(-(time.Ticks % s_ticks));

    public static DateTime Ceiling(DateTime time) => Floor(time.AddTicks(s_ticks - 1));
}
