namespace EasySmart.Load;

/// <summary>Readings over HTTP through the gateway, in turns with requests that go as far and do nothing there.</summary>
internal sealed record WebhookRun(IReadOnlyList<WebhookRound> Rounds, long Stored)
{
    public const string Ingestion = "ingestion";
    public const string Nothing = "does nothing";
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(5);

    /// <summary>Null when ingestion did not answer.</summary>
    public double? Ratio => Rounds.Count == 0 ? null : Math.Round(PerSecond(Ingestion) / PerSecond(Nothing), 3);

    /// <summary>
    /// What the ratio would be on a machine where nothing else runs and with requests enough at a time, so that processors are the limit and
    /// not the time that a batch gathers. Null when ingestion did not answer.
    /// </summary>
    public double? RatioByCpu => Rounds.Count == 0 ? null : Math.Round(OnTheWay(Nothing) / OnTheWay(Ingestion), 3);

    /// <summary>How many were answered with success and are not stored.</summary>
    public long Missing => Answered - Stored;

    private long Answered { get; init; }

    public static async Task<WebhookRun> RunAsync(RunningFleet fleet, Store store, LoadDevice[] devices, Options options, CancellationToken cancellation)
    {
        Console.WriteLine("Webhook");
        var (since, time) = (DateTime.UtcNow, TimeSpan.FromSeconds(options.Seconds));
        var (server, address) = await DoNothing.StartAsync(cancellation);
        await using var idle = server;
        await using var toNothing = await SecondGateway.StartAsync(fleet, address, cancellation);
        await using var toIngestion = await SecondGateway.StartAsync(fleet, null, cancellation);
        var (rounds, answered) = (new List<WebhookRound>(), 0L);
        await RoundAsync(Nothing, toNothing, WarmUp);
        var answers = (await RoundAsync(Ingestion, toIngestion, WarmUp)).Answered > 0;
        for (var i = 0; i < options.Rounds && answers; i++)
        {
            rounds.Add(await RoundAsync(Nothing, toNothing, time));
            rounds.Add(await RoundAsync(Ingestion, toIngestion, time));
        }

        // A request without an answer may be stored all the same; one that was answered must be, and at its time there is one.
        var stored = (await store.CountAsync(devices, since, cancellation)).Values.Sum(one => one.Count);
        return new WebhookRun(rounds, stored) { Answered = answered };

        async Task<WebhookRound> RoundAsync(string kind, SecondGateway gateway, TimeSpan seconds)
        {
            var round = await WebhookRound.MeasureAsync(kind, fleet, gateway, devices, options.Concurrency, seconds, cancellation);
            answered += kind == Ingestion ? round.Answered : 0;
            return round;
        }
    }

    public double PerSecond(string kind) => Statistics.Median(Of(kind).Select(round => round.PerSecond));

    public IEnumerable<WebhookRound> Of(string kind) => Rounds.Where(round => round.Kind == kind);

    private double OnTheWay(string kind) => Statistics.Median(Of(kind).Select(round =>
        round.CpuSecondsPer1000.Where(cpu => cpu.Key is not (CpuMeter.RestOfFleet or CpuMeter.Others)).Sum(cpu => cpu.Value)));
}
