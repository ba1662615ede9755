using System.Diagnostics;
using System.Globalization;

namespace EasySmart.Load;

/// <summary>A look at ingestion's memory.</summary>
/// <param name="Seconds">Since the steady run began.</param>
/// <param name="ResidentMib">What it holds.</param>
/// <param name="PerSecond">Readings acknowledged a second since the last look.</param>
internal sealed record MemorySample(double Seconds, double ResidentMib, double PerSecond);

/// <summary>What ingestion holds in memory: with few devices known and with many, idle and under load, and over minutes.</summary>
/// <param name="EmptyMib">Idle, before the population.</param>
/// <param name="IdleMib">Idle, with it.</param>
/// <param name="Peak">The round as fast as it goes, with it.</param>
/// <param name="Steady">At a steady rate, with it.</param>
/// <param name="Missing">Acknowledged in the steady run, but not stored.</param>
internal sealed record MemoryRun(double EmptyMib, double IdleMib, Round Peak, IReadOnlyList<MemorySample> Steady, long Missing)
{
    // At a rate that the machine can take without effort, when nothing is said.
    private const int DefaultRate = 5000;
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(10);

    /// <summary>How fast memory grew in the second half of the steady run, by the best straight line. Caches and heap have their size by then.</summary>
    public double GrowthMibPerHour { get; } = Math.Round(Slope(Steady.Skip(Steady.Count / 2).ToArray()) * 3600, 1);

    public static async Task<MemoryRun> RunAsync(RunningFleet fleet, LoadDevice[] devices, Options options, CancellationToken cancellation)
    {
        await using var store = new Store(fleet);
        var empty = await RestartAsync(fleet, cancellation);
        Console.WriteLine(FormattableString.Invariant($"Idle: {empty} MiB; {options.Registered:N0} devices of {options.Tenants:N0} tenants are added"));
        var population = await Population.AddAsync(store, options.Registered, options.Tenants, cancellation);
        try
        {
            var idle = await RestartAsync(fleet, cancellation);
            Console.WriteLine(FormattableString.Invariant($"Idle: {idle} MiB"));
            using var crowd = await Crowd.ConnectAsync(fleet, devices, new Behaviour(options.Payload, options.QoS, options.Slots, options.InFlight), cancellation);
            var peak = await WholePath.MeasureAsync(fleet, store, crowd, TimeSpan.FromSeconds(options.Seconds), 0, cancellation);
            var before = crowd.Publishers.Select(p => p.NextNumber).ToArray();
            var since = DateTime.UtcNow;
            var steady = await SteadyAsync(fleet, crowd, options.Rate == 0 ? DefaultRate : options.Rate, TimeSpan.FromMinutes(options.Minutes), cancellation);
            await Until.TrueAsync("Not all that was acknowledged is committed", TimeSpan.FromMinutes(3), () => store.HasLastOfEachAsync(crowd.Publishers, cancellation), cancellation);
            var (missing, doubled) = await WholePath.CompareAsync(store, crowd, since, before, cancellation);
            return new MemoryRun(empty, idle, peak, steady, missing + doubled);
        }
        finally
        {
            Console.WriteLine("Cleaning up");
            await population.RemoveAsync(CancellationToken.None);
            await store.CleanAsync(devices.Select(d => d.TenantId), CancellationToken.None);
            // It would not forget them by itself.
            await RestartAsync(fleet, CancellationToken.None);
        }
    }

    private static async Task<List<MemorySample>> SteadyAsync(RunningFleet fleet, Crowd crowd, int rate, TimeSpan time, CancellationToken cancellation)
    {
        var (process, progress, samples) = (fleet.ProcessOf("ingestion"), new Progress(Payloads.ReadingsOf(crowd.Behaviour.Shape)), new List<MemorySample>());
        var (clock, before) = (Stopwatch.StartNew(), (At: 0.0, Readings: 0L));
        var publishing = crowd.PublishAsync(time, rate, progress, cancellation);
        using var timer = new PeriodicTimer(Look);
        while (await timer.WaitForNextTickAsync(cancellation) && !publishing.IsCompleted)
        {
            var now = (At: clock.Elapsed.TotalSeconds, Readings: progress.AcknowledgedReadings);
            samples.Add(new MemorySample(Math.Round(now.At), Processes.ResidentMibOf(process), Math.Round((now.Readings - before.Readings) / (now.At - before.At))));
            before = now;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"  {now.At,5:0} s  acknowledged {now.Readings,11:N0}  {samples[^1].PerSecond,8:N0}/s  ingestion {samples[^1].ResidentMib} MiB"));
        }

        await publishing;
        return samples;
    }

    private static async Task<double> RestartAsync(RunningFleet fleet, CancellationToken cancellation)
    {
        fleet.Supervise("restart", "ingestion");
        await fleet.ReadyAsync("ingestion", cancellation);
        await Task.Delay(Settle, cancellation);
        return Processes.ResidentMibOf(fleet.ProcessOf("ingestion"));
    }

    private static double Slope(MemorySample[] samples)
    {
        if (samples.Length < 2)
        {
            return 0;
        }

        var (x, y) = (samples.Average(s => s.Seconds), samples.Average(s => s.ResidentMib));
        return samples.Sum(s => (s.Seconds - x) * (s.ResidentMib - y)) / samples.Sum(s => (s.Seconds - x) * (s.Seconds - x));
    }
}
