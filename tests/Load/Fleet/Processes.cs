using System.Globalization;

namespace EasySmart.Load;

/// <summary>What processes have computed and what memory they hold, from /proc.</summary>
internal static class Processes
{
    private const double TicksPerSecond = 100;

    /// <summary>Seconds that a process and all below it have computed, those included that have ended: a server's backends, for example.</summary>
    public static double CpuSecondsOf(int root)
    {
        var all = Directory.EnumerateDirectories("/proc")
            .Select(directory => int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out var pid) ? Read(pid) : null)
            .OfType<Entry>().ToLookup(entry => entry.Parent);
        var (ticks, left) = (0L, new Queue<int>([root]));
        ticks += (Read(root) ?? throw new InvalidOperationException($"Process {root} has ended")).Ticks;
        while (left.TryDequeue(out var parent))
        {
            foreach (var child in all[parent])
            {
                ticks += child.Ticks;
                left.Enqueue(child.Pid);
            }
        }

        return ticks / TicksPerSecond;
    }

    /// <summary>Seconds that the whole machine was busy.</summary>
    public static double MachineCpuSeconds()
    {
        // user nice system idle iowait irq softirq steal; what a hypervisor took away was not ours.
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..].Select(f => long.Parse(f, CultureInfo.InvariantCulture)).ToArray();
        return (fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) / TicksPerSecond;
    }

    /// <summary>Memory that a process holds, in MiB.</summary>
    public static double ResidentMibOf(int process)
    {
        var line = File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return Math.Round(long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024.0, 1);
    }

    private static Entry? Read(int pid)
    {
        try
        {
            // The name in parentheses may hold spaces. After it: state, parent, …; own user and system time, and those of ended children.
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return new Entry(pid, int.Parse(fields[1], CultureInfo.InvariantCulture), fields[11..15].Sum(field => long.Parse(field, CultureInfo.InvariantCulture)));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It has ended meanwhile.
            return null;
        }
    }

    private sealed record Entry(int Pid, int Parent, long Ticks);
}
