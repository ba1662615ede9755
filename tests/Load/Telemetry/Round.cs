namespace EasySmart.Load;

/// <summary>What one round of one kind came to.</summary>
/// <param name="Kind">a, b or c, as <see cref="TelemetryRun"/> has them.</param>
/// <param name="Readings">Readings published (c: rows copied).</param>
/// <param name="Missing">Acknowledged, but not there.</param>
/// <param name="Doubled">There more than once.</param>
/// <param name="Seconds">From the first publish until the last reading was received or committed.</param>
/// <param name="PerSecond">Readings a second.</param>
/// <param name="CpuSeconds">What programs computed meanwhile.</param>
/// <param name="Timeline">Readings received or committed in each second.</param>
/// <param name="ResidentMib">Ingestion's memory in each second.</param>
internal sealed record Round(
    string Kind,
    long Readings,
    long Missing,
    long Doubled,
    double Seconds,
    double PerSecond,
    IReadOnlyDictionary<string, double> CpuSeconds,
    IReadOnlyList<long> Timeline,
    IReadOnlyList<double> ResidentMib)
{
    /// <summary>CPU seconds for a million readings, by program.</summary>
    public IReadOnlyDictionary<string, double> CpuSecondsPerMillion { get; } =
        CpuSeconds.ToDictionary(p => p.Key, p => Math.Round(p.Value * 1e6 / Math.Max(1, Readings), 1));

    /// <summary>
    /// CPU seconds for a million readings, of the programs that they pass through. Where processors are the limit, two such sums stand in
    /// the ratio of the two speeds on a machine where nothing else runs.
    /// </summary>
    public double OnTheWayPerMillion { get; } =
        CpuSeconds.Where(p => p.Key is not (CpuMeter.RestOfFleet or CpuMeter.Others)).Sum(p => p.Value) * 1e6 / Math.Max(1, Readings);
}
