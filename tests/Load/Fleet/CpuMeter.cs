using System.Globalization;

namespace EasySmart.Load;

/// <summary>What programs of the fleet, and this program, compute from its start on.</summary>
internal sealed class CpuMeter
{
    public const string Load = "load program";

    /// <summary>What else belongs to the fleet.</summary>
    public const string RestOfFleet = "rest of the fleet";

    /// <summary>Strangers. It tells how quiet the machine was.</summary>
    public const string Others = "others";

    private readonly Dictionary<string, int> _processes;
    private readonly int _supervisor;
    private readonly Dictionary<string, double> _before;

    public CpuMeter(RunningFleet fleet, params string[] programs)
    {
        _processes = programs.ToDictionary(program => program, fleet.ProcessOf);
        _supervisor = int.Parse(fleet.Supervise("pid"), CultureInfo.InvariantCulture);
        _before = Read();
    }

    /// <summary>CPU seconds until now, by program.</summary>
    public Dictionary<string, double> Take()
    {
        var now = Read();
        return now.ToDictionary(p => p.Key, p => Math.Round(p.Value - _before[p.Key], 2));
    }

    private Dictionary<string, double> Read()
    {
        var read = _processes.ToDictionary(p => p.Key, p => Processes.CpuSecondsOf(p.Value));
        read.Add(RestOfFleet, Processes.CpuSecondsOf(_supervisor) - read.Values.Sum());
        read.Add(Load, Processes.CpuSecondsOf(Environment.ProcessId));
        read.Add(Others, Processes.MachineCpuSeconds() - read.Values.Sum());
        return read;
    }
}
