using System.Globalization;
using System.Text;

namespace EasySmart.Load;

/// <summary>What a look at ingestion's memory came to, for people.</summary>
internal static class MemoryReport
{
    public static string Of(Options options, MemoryRun run)
    {
        var text = new StringBuilder();
        Line($"Resident memory of ingestion with {options.Registered:N0} devices of {options.Tenants:N0} tenants known, {options.Devices} of others publishing.\n\n```");
        text.Append(Chart.Bars(
            [
                ("idle, none of them known", run.EmptyMib),
                ("idle", run.IdleMib),
                ($"at {run.Peak.PerSecond:N0} readings/s, most", run.Peak.ResidentMib.Max()),
                ("steady run, most", run.Steady.Max(s => s.ResidentMib)),
                ("steady run, at its end", run.Steady[^1].ResidentMib),
            ],
            "MiB"));
        Line($"```\n\n## {options.Minutes} minutes at a steady rate\n\nOne look every 10 seconds. Readings acknowledged but not stored exactly once: {run.Missing}.\n\n```");
        Line($"Memory  {Chart.Line([.. run.Steady.Select(s => s.ResidentMib)], "MiB")}");
        Line($"Rate    {Chart.Line([.. run.Steady.Select(s => s.PerSecond)], "readings/s")}");
        Line($"```\n\nIn its second half memory grew by {run.GrowthMibPerHour:N1} MiB an hour (best straight line).\n\n| second | MiB | readings/s |\n|---|---|---|");
        foreach (var sample in run.Steady.Where((_, i) => i % Math.Max(1, run.Steady.Count / 20) == 0))
        {
            Line($"| {sample.Seconds:0} | {sample.ResidentMib} | {sample.PerSecond:N0} |");
        }

        return text.ToString();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }
}
