namespace EasySmart.Load;

/// <summary>What programs of the fleet, and this program, compute from its start on.</summary>
internal sealed class CpuMeter
{
    public const string Load = "load program";
    /// <summary>All else that ran on the machine: the rest of the fleet, and strangers. It tells how quiet the machine was.</summary>
    public const string Rest = "rest of the machine";

    private readonly Dictionary<string, int> _processes;
    private readonly Dictionary<string, double> _before;

    public CpuMeter(RunningFleet fleet, params string[] programs)
    {
        _processes = programs.ToDictionary(program => program, fleet.ProcessOf);
        _processes.Add(Load, Environment.ProcessId);
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
        read.Add(Rest, Processes.MachineCpuSeconds() - read.Values.Sum());
        return read;
    }
}
