using System.Globalization;
using System.Text;

namespace EasySmart.Load;

/// <summary>What the storms came to, for people.</summary>
internal static class StormReport
{
    public static string Of(Options options, Measurement[] measured)
    {
        var text = new StringBuilder()
            .Append(CultureInfo.InvariantCulture, $"{options.Devices} devices, {options.Concurrency} at a time.\n");
        foreach (var one in measured)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {one.Name}\n\n| | |\n|---|---|\n")
                .Append(CultureInfo.InvariantCulture, $"| done, failed | {one.Done}, {one.Failed} |\n")
                .Append(CultureInfo.InvariantCulture, $"| per second | {one.PerSecond} |\n")
                .Append(CultureInfo.InvariantCulture, $"| time p50, p95, p99 | {one.P50Ms}, {one.P95Ms}, {one.P99Ms} ms |\n");
            foreach (var (program, cpu) in one.CpuSecondsPer1000)
            {
                text.Append(CultureInfo.InvariantCulture, $"| CPU seconds per 1,000, {program} | {cpu} |\n");
            }

            foreach (var (program, resident) in one.ResidentMib)
            {
                text.Append(CultureInfo.InvariantCulture, $"| memory after it, {program} | {resident} MiB |\n");
            }
        }

        return text.ToString();
    }
}
