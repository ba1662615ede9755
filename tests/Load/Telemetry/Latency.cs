using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace EasySmart.Load;

/// <summary>How long it takes from a publish until <c>latest</c> shows it, while the others publish at half of what the whole path can do.</summary>
internal sealed record Latency(double BackgroundPerSecond, int Samples, double P50Ms, double P95Ms, double P99Ms, double MostMs)
{
    public const int Probes = 10;
    private const int PerSecondOfEach = 20;
    private const int MostSeconds = 600;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan BeforeProbes = TimeSpan.FromSeconds(2);

    /// <param name="fleet">The fleet.</param>
    /// <param name="store">Where it becomes visible.</param>
    /// <param name="crowd">Who else publishes.</param>
    /// <param name="perSecond">How many messages the others publish a second.</param>
    /// <param name="devices">Of the probes: each publishes one number after the other to one slot, by the clock and not when the last is seen.</param>
    /// <param name="time">How long.</param>
    /// <param name="cancellation">Ends it.</param>
    public static async Task<Latency> MeasureAsync(
        RunningFleet fleet, Store store, Crowd crowd, double perSecond, IReadOnlyList<LoadDevice> devices, TimeSpan time, CancellationToken cancellation)
    {
        var published = devices.Select(_ => new long[PerSecondOfEach * MostSeconds]).ToArray();
        var probe = new Behaviour(PayloadShape.Value, QoS: 1, Slots: 1, InFlight: 200);
        using var probes = await Crowd.ConnectAsync(fleet, devices, probe, (i, number) => published[i][number] = Stopwatch.GetTimestamp(), cancellation);
        using var seen = new CancellationTokenSource();
        var progress = new Progress(Payloads.ReadingsOf(crowd.Behaviour.Shape));
        var watching = WatchAsync(store, devices, published, seen.Token);
        var started = Stopwatch.GetTimestamp();
        var background = crowd.PublishAsync(time + BeforeProbes, perSecond, progress, cancellation);
        await Task.Delay(BeforeProbes, cancellation);
        await probes.PublishAsync(time, PerSecondOfEach * devices.Count, new Progress(1), cancellation);
        await background;
        var achieved = progress.AcknowledgedReadings / Stopwatch.GetElapsedTime(started).TotalSeconds;
        await Until.TrueAsync("Not all that was acknowledged is committed", TimeSpan.FromMinutes(3),
            () => store.HasLastOfEachAsync([.. probes.Publishers, .. crowd.Publishers], cancellation), cancellation);
        await seen.CancelAsync();
        var sorted = (await watching).Order().ToArray();
        var latency = new Latency(
            Math.Round(achieved), sorted.Length, Statistics.At(sorted, 0.5), Statistics.At(sorted, 0.95), Statistics.At(sorted, 0.99), Math.Round(sorted[^1], 1));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  at {latency.BackgroundPerSecond:N0} readings/s: {latency.Samples} samples, p50 {latency.P50Ms} ms, p95 {latency.P95Ms} ms, p99 {latency.P99Ms} ms, at most {latency.MostMs} ms"));
        return latency;
    }

    /// <summary>Looks at the probes' slots every other millisecond. What was overwritten before it was looked at was visible by then.</summary>
    private static async Task<List<double>> WatchAsync(Store store, IReadOnlyList<LoadDevice> devices, long[][] published, CancellationToken ended)
    {
        await using var connection = await store.OpenAsync(CancellationToken.None);
        await using var command = new NpgsqlCommand(
            """
            SELECT array_position($2, l.device_id), l.value FROM unnest($1::uuid[], $2::uuid[]) AS probe (tenant_id, device_id)
            JOIN latest l ON l.tenant_id = probe.tenant_id AND l.device_id = probe.device_id AND l.slot = 0
            WHERE l.received_at >= $3
            """,
            connection);
        command.Parameters.Add(new() { Value = devices.Select(d => d.TenantId).ToArray() });
        command.Parameters.Add(new() { Value = devices.Select(d => d.DeviceId).ToArray() });
        // What an earlier run left there is not what this one publishes.
        command.Parameters.Add(new() { Value = store.Since });
        await command.PrepareAsync(CancellationToken.None);
        var (times, next) = (new List<double>(), new long[devices.Count]);
        using var timer = new PeriodicTimer(Look);
        while (!ended.IsCancellationRequested && await timer.WaitForNextTickAsync(CancellationToken.None))
        {
            await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
            while (await reader.ReadAsync(CancellationToken.None))
            {
                var (i, last) = (reader.GetInt32(0) - 1, (long)reader.GetDouble(1));
                var now = Stopwatch.GetTimestamp();
                for (; next[i] <= last; next[i]++)
                {
                    times.Add(Stopwatch.GetElapsedTime(published[i][next[i]], now).TotalMilliseconds);
                }
            }
        }

        return times;
    }
}
