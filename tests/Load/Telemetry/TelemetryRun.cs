using System.Globalization;

namespace EasySmart.Load;

/// <summary>What a run came to: each round, and what stands for all of them.</summary>
internal sealed record TelemetryRun(IReadOnlyList<Round> Rounds, Latency Latency, WebhookRun Webhook)
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(8);

    public double BrokerPerSecond => MedianOf("a");

    public double WholePathPerSecond => MedianOf("b");

    public double CopyPerSecond => MedianOf("c");

    public double WholePathToBroker => Math.Round(WholePathPerSecond / BrokerPerSecond, 3);

    /// <summary>What b/a would be on a machine where nothing else runs, if processors are the limit.</summary>
    public double WholePathToBrokerByCpu => Math.Round(OnTheWay("a") / OnTheWay("b"), 3);

    public double WholePathToCopy => Math.Round(WholePathPerSecond / CopyPerSecond, 3);

    /// <summary>In turns, since a machine that others use too is never the same for long.</summary>
    public static async Task<TelemetryRun> RunAsync(RunningFleet fleet, LoadDevice[] devices, Options options, CancellationToken cancellation)
    {
        var time = TimeSpan.FromSeconds(options.Seconds);
        var (publishing, probes) = (devices[..options.Devices], devices[options.Devices..]);
        var copy = new CopyAlone(options.Payload, options.Slots, options.Devices);
        await using var store = new Store(fleet);
        using var crowd = await Crowd.ConnectAsync(fleet, publishing, new Behaviour(options.Payload, options.QoS, options.Slots, options.InFlight), cancellation);
        var rounds = new List<Round>();
        try
        {
            Console.WriteLine("Warming up");
            await WholePath.MeasureAsync(fleet, store, crowd, WarmUp, options.Rate, cancellation);
            for (var i = 0; i < options.Rounds; i++)
            {
                Console.WriteLine($"Round {i + 1}");
                Add(await BrokerAlone.MeasureAsync(fleet, crowd, time, options.Rate, cancellation));
                Add(await WholePath.MeasureAsync(fleet, store, crowd, time, options.Rate, cancellation));
                Add(await copy.MeasureAsync(fleet, store, rounds[^1].Readings, cancellation));
            }

            Console.WriteLine("Latency");
            var half = Statistics.Median(rounds.Where(round => round.Kind == "b").Select(round => round.PerSecond)) / 2;
            var latency = await Latency.MeasureAsync(fleet, store, crowd, half / Payloads.ReadingsOf(options.Payload), probes, 2 * time, cancellation);
            return new TelemetryRun(rounds, latency, await WebhookRun.RunAsync(fleet, store, publishing, options, cancellation));
        }
        finally
        {
            Console.WriteLine("Cleaning up");
            await store.CleanAsync([copy.Tenant, .. devices.Select(d => d.TenantId)], CancellationToken.None);
        }

        void Add(Round round)
        {
            rounds.Add(round);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  {round.Kind}: {round.PerSecond:N0}/s, {round.Readings:N0} readings, {round.Missing} missing, {round.Doubled} doubled; CPU s per million: ")
                + string.Join(", ", round.CpuSecondsPerMillion.Select(cpu => string.Create(CultureInfo.InvariantCulture, $"{cpu.Key} {cpu.Value}"))));
        }
    }

    /// <summary>The median of the rounds of one kind.</summary>
    public double CpuSecondsPerMillion(string kind, string program) =>
        Statistics.Median(Rounds.Where(round => round.Kind == kind).Select(round => round.CpuSecondsPerMillion.GetValueOrDefault(program)));

    private double OnTheWay(string kind) => Statistics.Median(Rounds.Where(round => round.Kind == kind).Select(round => round.OnTheWayPerMillion));

    private double MedianOf(string kind) => Math.Round(Statistics.Median(Rounds.Where(round => round.Kind == kind).Select(round => round.PerSecond)));
}
