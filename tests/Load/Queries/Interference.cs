using System.Globalization;

namespace EasySmart.Load;

/// <summary>What queries cost who publishes: the whole path as fast as it goes, in turns alone, beside a dashboard, and beside an export.</summary>
/// <param name="Alone">Rounds without queries.</param>
/// <param name="BesideDashboard">Rounds beside one who asks all calls in turn, a fixed number a second, without waiting for the answers.</param>
/// <param name="BesideExport">Rounds beside one who exports all the time.</param>
/// <param name="DashboardCalls">Calls that were answered in those rounds.</param>
internal sealed record Interference(
    IReadOnlyList<Round> Alone, IReadOnlyList<Round> BesideDashboard, IReadOnlyList<Round> BesideExport, int DashboardCalls)
{
    /// <summary>Of the dashboard.</summary>
    public const int CallsPerSecond = 4;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(8);

    public double AlonePerSecond => MedianOf(Alone);

    public double DashboardRatio => RatioOf(BesideDashboard);

    public double ExportRatio => RatioOf(BesideExport);

    public static async Task<Interference> MeasureAsync(
        RunningFleet fleet, Store store, LoadDevice[] devices, History history, HttpClient reader, Options options, CancellationToken cancellation)
    {
        var (time, calls) = (TimeSpan.FromSeconds(options.Seconds), 0);
        var (alone, dashboard, export) = (new List<Round>(), new List<Round>(), new List<Round>());
        using var crowd = await Crowd.ConnectAsync(
            fleet, devices[..options.Publishers], new Behaviour(options.Payload, options.QoS, options.Slots, options.InFlight), cancellation);
        try
        {
            Console.WriteLine("Publishing alone, beside a dashboard, beside an export");
            await WholePath.MeasureAsync(fleet, store, crowd, WarmUp, options.Rate, cancellation);
            var kinds = new (List<Round> Rounds, Func<CancellationToken, Task> Asking)[]
            {
                (alone, _ => Task.CompletedTask), (dashboard, AskAsync), (export, ExportAsync),
            };
            // Each kind comes first, second and third as often: a machine that becomes slower then does so for all.
            for (var i = 0; i < options.Rounds * kinds.Length; i++)
            {
                var (rounds, asking) = kinds[(i + i / kinds.Length) % kinds.Length];
                rounds.Add(await BesideAsync(asking));
            }
        }
        finally
        {
            await store.CleanAsync(devices.Select(d => d.TenantId), CancellationToken.None);
        }

        var measured = new Interference(alone, dashboard, export, calls);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  alone {measured.AlonePerSecond:N0}/s; beside a dashboard {measured.DashboardRatio} of it, beside an export {measured.ExportRatio}"));
        return measured;

        async Task<Round> BesideAsync(Func<CancellationToken, Task> asking)
        {
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            var asked = asking(ended.Token);
            var round = await WholePath.MeasureAsync(fleet, store, crowd, time, options.Rate, cancellation);
            await ended.CancelAsync();
            try
            {
                await asked;
            }
            catch (OperationCanceledException)
            {
                // It would ask for ever.
            }

            return round;
        }

        async Task AskAsync(CancellationToken ended)
        {
            var (all, asked) = (Call.Of(history), new List<Task>());
            using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / CallsPerSecond));
            try
            {
                for (var i = 0; await timer.WaitForNextTickAsync(ended); i++)
                {
                    asked.Add(AskOneAsync(all[i % all.Count], ended));
                }
            }
            finally
            {
                await Task.WhenAll(asked);
            }
        }

        async Task AskOneAsync(Call call, CancellationToken ended)
        {
            await call.AskAsync(reader, ended);
            Interlocked.Increment(ref calls);
        }

        async Task ExportAsync(CancellationToken ended)
        {
            while (true)
            {
                await Call.ExportOf(history, "csv", history.Past.End - history.Past.Start).AskAsync(reader, ended);
            }
        }
    }

    // Of each round to the one without queries that was measured next to it.
    private double RatioOf(IReadOnlyList<Round> beside) => Math.Round(Statistics.Median(beside.Zip(Alone, (one, alone) => one.PerSecond / alone.PerSecond)), 3);

    private static double MedianOf(IReadOnlyList<Round> rounds) => Math.Round(Statistics.Median(rounds.Select(r => r.PerSecond)));
}
