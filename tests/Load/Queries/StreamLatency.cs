using System.Diagnostics;
using System.Globalization;
using System.Net.ServerSentEvents;
using System.Text.Json;

namespace EasySmart.Load;

/// <summary>How long it takes from a publish until an open stream has told it, while others publish.</summary>
/// <param name="BackgroundPerSecond">What the others publish.</param>
/// <param name="Published">Readings that were published and acknowledged.</param>
/// <param name="Told">Of these, those that the stream told.</param>
/// <param name="P50Ms">Half were faster.</param>
/// <param name="P95Ms">One in twenty was slower.</param>
/// <param name="P99Ms">One in a hundred was slower.</param>
/// <param name="MostMs">The slowest.</param>
internal sealed record StreamLatency(double BackgroundPerSecond, int Published, int Told, double P50Ms, double P95Ms, double P99Ms, double MostMs)
{
    private const int PerSecond = 50;
    private const int Slot = 0;

    public static async Task<StreamLatency> MeasureAsync(
        RunningFleet fleet, Store store, LoadDevice[] devices, History history, HttpClient reader, double perSecond, Options options, CancellationToken cancellation)
    {
        var time = TimeSpan.FromSeconds(2 * options.Seconds);
        var published = new long[(int)(time.TotalSeconds * PerSecond) + PerSecond];
        using var others = await Crowd.ConnectAsync(
            fleet, devices[..options.Publishers], new Behaviour(options.Payload, options.QoS, options.Slots, options.InFlight), cancellation);
        using var probe = await Crowd.ConnectAsync(
            fleet, [history.Devices[^1]], new Behaviour(PayloadShape.Value, QoS: 1, Slots: 1, InFlight: 200), (_, number) => published[number] = Stopwatch.GetTimestamp(), cancellation);
        using var answer = await reader.GetAsync("/api/v1/telemetry/stream", HttpCompletionOption.ResponseHeadersRead, cancellation);
        answer.EnsureSuccessStatusCode();
        var times = new List<double>();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var listening = ListenAsync();
        try
        {
            Console.WriteLine("Stream");
            var (background, progress) = (others.PublishAsync(time, perSecond, new Progress(1), cancellation), new Progress(1));
            await probe.PublishAsync(time, PerSecond, progress, cancellation);
            await background;
            await Until.TrueAsync("Not all that was acknowledged is committed", TimeSpan.FromMinutes(3),
                () => store.HasLastOfEachAsync([.. probe.Publishers, .. others.Publishers], cancellation), cancellation);
            await Task.Delay(TimeSpan.FromSeconds(2), cancellation);
            await ended.CancelAsync();
            await listening;
            var sorted = times.Order().ToArray();
            var latency = new StreamLatency(
                Math.Round(perSecond), (int)progress.AcknowledgedReadings, sorted.Length,
                Statistics.At(sorted, 0.5), Statistics.At(sorted, 0.95), Statistics.At(sorted, 0.99), Statistics.At(sorted, 1));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  at {latency.BackgroundPerSecond:N0} readings/s: {latency.Told} of {latency.Published} told, p50 {latency.P50Ms} ms, p95 {latency.P95Ms} ms, p99 {latency.P99Ms} ms, at most {latency.MostMs} ms"));
            return latency;
        }
        finally
        {
            await store.CleanAsync([.. devices.Select(d => d.TenantId), history.Devices[0].TenantId], CancellationToken.None);
        }

        async Task ListenAsync()
        {
            var next = 0L;
            try
            {
                await using var body = await answer.Content.ReadAsStreamAsync(ended.Token);
                await foreach (var item in SseParser.Create(body).EnumerateAsync(ended.Token))
                {
                    if (item.EventType != "reading")
                    {
                        continue;
                    }

                    var now = Stopwatch.GetTimestamp();
                    using var reading = JsonDocument.Parse(item.Data);
                    var number = (long)reading.RootElement.GetProperty("value").GetProperty("value").GetDouble();
                    // Once each, in their order.
                    if (reading.RootElement.GetProperty("slot").GetInt32() == Slot && number == next)
                    {
                        times.Add(Stopwatch.GetElapsedTime(published[number], now).TotalMilliseconds);
                        next++;
                    }
                }
            }
            catch (OperationCanceledException)
            {
                // All that was published has had its time.
            }
        }
    }
}
