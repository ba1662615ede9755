using System.Globalization;

namespace EasySmart.Load;

/// <summary>What one call came to.</summary>
/// <param name="Name">Of the call.</param>
/// <param name="FirstMs">The first time.</param>
/// <param name="P50Ms">Half of them were faster.</param>
/// <param name="P95Ms">One in twenty was slower.</param>
/// <param name="Bytes">Of the answer.</param>
/// <param name="CpuMs">What the programs computed for one call.</param>
internal sealed record CallFigures(string Name, double FirstMs, double P50Ms, double P95Ms, long Bytes, IReadOnlyDictionary<string, double> CpuMs);

/// <summary>What one export came to.</summary>
internal sealed record ExportFigures(string Name, long Readings, double Seconds, long Bytes, double MostResidentMib);

/// <summary>What a year of data answers, what an export holds, how late the stream is, and what queries cost who publishes.</summary>
internal sealed record QueryRun(
    Past Past,
    double ReadingsGib,
    double RollupsGib,
    IReadOnlyList<CallFigures> Calls,
    IReadOnlyList<ExportFigures> Exports,
    StreamLatency Stream,
    Interference Interference,
    IReadOnlyList<Plan> Plans)
{
    private static readonly TimeSpan ExportedTime = TimeSpan.FromDays(60);

    public static async Task<QueryRun> RunAsync(RunningFleet fleet, LoadDevice[] crowd, Options options, CancellationToken cancellation)
    {
        await using var store = new Store(fleet);
        var history = await History.GetAsync(fleet, store, options, cancellation);
        using var reader = await history.Tenant.SignInAsync(fleet, cancellation);
        var calls = new List<CallFigures>();
        foreach (var call in Call.Of(history))
        {
            calls.Add(await MeasureAsync(fleet, reader, call, cancellation));
            var told = calls[^1];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {told.Name}: first {told.FirstMs} ms, p50 {told.P50Ms} ms, p95 {told.P95Ms} ms, {told.Bytes:N0} bytes"));
        }

        var exports = new List<ExportFigures>();
        foreach (var format in new[] { "csv", "ndjson", "parquet" })
        {
            exports.Add(await ExportAsync(fleet, reader, Call.ExportOf(history, format, ExportedTime), cancellation));
            var told = exports[^1];
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"  {told.Name}: {told.Readings / told.Seconds:N0} readings/s, {told.Bytes >> 20:N0} MiB, at most {told.MostResidentMib} MiB resident"));
        }

        var plans = await Plan.OfAsync(fleet, history, cancellation);
        using var again = await history.Tenant.SignInAsync(fleet, cancellation);
        var interference = await Interference.MeasureAsync(fleet, store, crowd, history, again, options, cancellation);
        var stream = await StreamLatency.MeasureAsync(fleet, store, crowd, history, again, interference.AlonePerSecond / 2, options, cancellation);
        return new QueryRun(
            history.Past, await GibOfAsync(store, "readings", cancellation), await GibOfAsync(store, "rollups", cancellation), calls, exports, stream, interference, plans);
    }

    private static async Task<CallFigures> MeasureAsync(RunningFleet fleet, HttpClient reader, Call call, CancellationToken cancellation)
    {
        var (first, bytes) = await call.AskAsync(reader, cancellation);
        var (times, cpu) = (new double[call.Times], new CpuMeter(fleet, "telemetry", "telemetry-query", "gateway"));
        for (var i = 0; i < call.Times; i++)
        {
            (times[i], bytes) = await call.AskAsync(reader, cancellation);
        }

        var used = cpu.Take().Where(p => p.Key is "telemetry" or "telemetry-query" or "gateway").ToDictionary(p => p.Key, p => Math.Round(p.Value * 1000 / call.Times, 1));
        Array.Sort(times);
        return new CallFigures(call.Name, Math.Round(first, 1), Statistics.At(times, 0.5), Statistics.At(times, 0.95), bytes, used);
    }

    private static async Task<ExportFigures> ExportAsync(RunningFleet fleet, HttpClient reader, Call call, CancellationToken cancellation)
    {
        var (process, most) = (fleet.ProcessOf("telemetry-query"), 0.0);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var watching = WatchAsync();
        var (milliseconds, bytes) = await call.AskAsync(reader, cancellation);
        await ended.CancelAsync();
        await watching;
        return new ExportFigures(call.Name, (long)ExportedTime.TotalMinutes * History.BusyPerMinute, Math.Round(milliseconds / 1000, 1), bytes, most);

        async Task WatchAsync()
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(250));
            try
            {
                while (await timer.WaitForNextTickAsync(ended.Token))
                {
                    most = Math.Max(most, Processes.ResidentMibOf(process));
                }
            }
            catch (OperationCanceledException)
            {
                // The export is over.
            }
        }
    }

    private static async Task<double> GibOfAsync(Store store, string table, CancellationToken cancellation) =>
        Math.Round((long)(await store.AskAsync($"SELECT hypertable_size('{table}')", cancellation))! / (double)(1 << 30), 2);
}
