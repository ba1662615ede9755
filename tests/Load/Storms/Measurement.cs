using System.Collections.Concurrent;
using System.Diagnostics;

namespace EasySmart.Load;

/// <summary>What one round of load came to.</summary>
internal sealed record Measurement(
    string Name,
    int Done,
    int Failed,
    double Seconds,
    double PerSecond,
    double P50Ms,
    double P95Ms,
    double P99Ms,
    IReadOnlyDictionary<string, double> CpuSecondsPer1000,
    IReadOnlyDictionary<string, double> ResidentMib)
{
    /// <summary>
    /// Does <paramref name="work"/> <paramref name="count"/> times, <paramref name="concurrency"/> at a time, and looks at what it cost
    /// <paramref name="programs"/>. The work says whether it succeeded.
    /// </summary>
    public static async Task<Measurement> TakeAsync(
        string name, RunningFleet fleet, string[] programs, int count, int concurrency, Func<int, CancellationToken, Task<bool>> work, CancellationToken cancellation)
    {
        Console.WriteLine(name);
        var processes = programs.ToDictionary(program => program, fleet.ProcessOf);
        var before = processes.ToDictionary(p => p.Key, p => Processes.CpuSecondsOf(p.Value));
        var (times, failed, clock) = (new ConcurrentBag<double>(), 0, Stopwatch.StartNew());
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = concurrency, CancellationToken = cancellation }, async (i, c) =>
        {
            var started = Stopwatch.GetTimestamp();
            if (await work(i, c))
            {
                times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            }
            else
            {
                Interlocked.Increment(ref failed);
            }
        });
        var seconds = clock.Elapsed.TotalSeconds;
        var sorted = times.Order().ToArray();
        var measured = new Measurement(
            name,
            sorted.Length,
            failed,
            Math.Round(seconds, 2),
            Math.Round(sorted.Length / seconds),
            Statistics.At(sorted, 0.50),
            Statistics.At(sorted, 0.95),
            Statistics.At(sorted, 0.99),
            processes.ToDictionary(p => p.Key, p => Math.Round((Processes.CpuSecondsOf(p.Value) - before[p.Key]) * 1000 / count, 3)),
            processes.ToDictionary(p => p.Key, p => Processes.ResidentMibOf(p.Value)));
        Console.WriteLine($"  {measured.Done} done, {measured.Failed} failed, {measured.PerSecond}/s, "
            + string.Join(", ", measured.CpuSecondsPer1000.Select(cpu => $"{cpu.Key} {cpu.Value} CPU s per 1,000")));
        return measured;
    }
}
