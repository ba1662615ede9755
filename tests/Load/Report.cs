using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace EasySmart.Load;

/// <summary>Figures for people and for programs, with the machine that they were measured on.</summary>
internal static class Report
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    /// <summary>Writes <c>name.json</c> and <c>name.md</c>; returns the latter's path.</summary>
    public static async Task<string> WriteAsync(string name, Options options, Measurement[] measured, CancellationToken cancellation)
    {
        var directory = Directory.CreateDirectory(Path.Combine(RunningFleet.Repository, "tests", "Load", "reports")).FullName;
        var machine = new
        {
            Cores = Environment.ProcessorCount,
            Processor = Line("/proc/cpuinfo", "model name"),
            RamGib = Math.Round(double.Parse(Line("/proc/meminfo", "MemTotal").Split(' ')[0], CultureInfo.InvariantCulture) / 1024 / 1024, 1),
            System = RuntimeInformation.OSDescription,
            Runtime = RuntimeInformation.FrameworkDescription,
        };
        var date = DateTimeOffset.UtcNow.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
        await File.WriteAllTextAsync(
            Path.Combine(directory, $"{name}.json"), JsonSerializer.Serialize(new { date, machine, options, measured }, Json) + "\n", cancellation);

        var text = new StringBuilder()
            .Append(CultureInfo.InvariantCulture, $"# {name}\n\n{date}, {options.Devices} devices, {options.Concurrency} at a time.\n\n")
            .Append(CultureInfo.InvariantCulture, $"{machine.Cores} cores ({machine.Processor}), {machine.RamGib} GiB, {machine.Runtime}.\n")
            .Append("The whole fleet and this load generator shared these cores.\n");
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

        var path = Path.Combine(directory, $"{name}.md");
        await File.WriteAllTextAsync(path, text.ToString(), cancellation);
        return path;
    }

    private static string Line(string file, string start) =>
        File.ReadLines(file).FirstOrDefault(line => line.StartsWith(start, StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown";
}
