using System.Diagnostics;
using System.Globalization;

namespace EasySmart.Load;

/// <summary>The fleet that runs on this machine: its addresses and secrets, and the processor time that its programs have used.</summary>
internal sealed class RunningFleet
{
    private const double TicksPerSecond = 100;
    private readonly Dictionary<string, string> _settings;

    private RunningFleet(string state, Dictionary<string, string> settings) => (State, _settings) = (state, settings);

    /// <summary>The directory where the fleet keeps its things.</summary>
    public string State { get; }

    /// <summary>The root of this clone.</summary>
    public static string Repository { get; } = FindRepository();

    public string this[string setting] => _settings[setting];

    /// <summary>As deploy/local/lib/fleet.sh finds it.</summary>
    public static RunningFleet Find()
    {
        var state = Path.GetFullPath(Environment.GetEnvironmentVariable("EASYSMART_STATE") is { Length: > 0 } named ? named : Path.Combine(Repository, ".local"));
        var lines = File.ReadAllLines(Path.Combine(state, "fleet.env"));
        return new RunningFleet(state, lines.Select(line => line.Split('=', 2)).ToDictionary(part => part[0], part => part[1]));
    }

    /// <summary>The number of a program's process.</summary>
    public int ProcessOf(string program)
    {
        var start = new ProcessStartInfo("supervisorctl", ["-c", Path.Combine(State, "run", "supervisord.conf"), "pid", program])
        {
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return int.TryParse(output, CultureInfo.InvariantCulture, out var pid) && pid > 0
            ? pid
            : throw new InvalidOperationException($"{program} does not run: {output}");
    }

    /// <summary>Seconds that a process has computed, for itself and in the kernel.</summary>
    public static double CpuSecondsOf(int process)
    {
        // The name in parentheses may hold spaces; user and system time are fields 14 and 15 of the line.
        var stat = File.ReadAllText($"/proc/{process}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }

    /// <summary>Memory that a process holds, in MiB.</summary>
    public static long ResidentMibOf(int process)
    {
        var line = File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    }

    private static string FindRepository()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "EasySmart.sln")))
        {
            directory = directory.Parent ?? throw new InvalidOperationException("Not started from a clone of the repository");
        }

        return directory.FullName;
    }
}
