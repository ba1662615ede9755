using System.Globalization;
using System.Runtime.InteropServices;

namespace EasySmart.Load;

/// <summary>What the figures were measured on.</summary>
internal sealed record Machine(int Cores, string Processor, double RamGib, string System, string Runtime)
{
    public static Machine Read() => new(
        Environment.ProcessorCount,
        Line("/proc/cpuinfo", "model name"),
        Math.Round(double.Parse(Line("/proc/meminfo", "MemTotal").Split(' ')[0], CultureInfo.InvariantCulture) / 1024 / 1024, 1),
        RuntimeInformation.OSDescription,
        RuntimeInformation.FrameworkDescription);

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Cores} cores ({Processor}), {RamGib} GiB, {System}, {Runtime}.\nThe whole fleet and this load program shared these cores.\n");

    private static string Line(string file, string start) =>
        File.ReadLines(file).FirstOrDefault(line => line.StartsWith(start, StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown";
}
