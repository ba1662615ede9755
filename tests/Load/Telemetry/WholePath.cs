using System.Diagnostics;
using System.Globalization;

namespace EasySmart.Load;

/// <summary>(b) The whole path: devices, broker, ingestion, committed rows.</summary>
internal static class WholePath
{
    private static readonly TimeSpan LongestDrain = TimeSpan.FromMinutes(3);

    public static async Task<Round> MeasureAsync(
        RunningFleet fleet, Store store, Crowd crowd, TimeSpan time, double rate, CancellationToken cancellation)
    {
        var readings = Payloads.ReadingsOf(crowd.Behaviour.Shape);
        using var http = new HttpClient { BaseAddress = fleet.Service("ingestion") };
        var (since, first) = (DateTime.UtcNow, crowd.Publishers.Select(p => p.NextNumber).ToArray());
        var (cpu, progress) = (new CpuMeter(fleet, "ingestion", "telemetry", "broker"), new Progress(readings));
        await using var ticker = new Ticker("b", progress, "committed", () => IngestedAsync(http, cancellation), fleet.ProcessOf("ingestion"));
        var started = await crowd.PublishAsync(time, rate, progress, cancellation);
        try
        {
            await Until.TrueAsync("Not all that was acknowledged is committed", LongestDrain, () => store.HasLastOfEachAsync(crowd.Publishers, cancellation), cancellation);
        }
        catch (TimeoutException exception)
        {
            // The count below says how many.
            Console.WriteLine($"  {exception.Message}");
        }

        var (seconds, used) = (Stopwatch.GetElapsedTime(started).TotalSeconds, cpu.Take());
        var (missing, doubled) = await CompareAsync(store, crowd, since, first, cancellation);
        return new Round(
            "b", progress.AcknowledgedReadings, missing, doubled,
            seconds, (progress.AcknowledgedReadings - missing) / seconds, used, [.. ticker.Timeline], [.. ticker.ResidentMib]);
    }

    /// <summary>Every acknowledged reading exactly once: as many as were published, all different, from the first number to the last.</summary>
    public static async Task<(long Missing, long Doubled)> CompareAsync(
        Store store, Crowd crowd, DateTime since, long[] first, CancellationToken cancellation)
    {
        var stored = await store.CountAsync(crowd.Publishers.Select(p => p.Device), since, cancellation);
        var (missing, doubled) = (0L, 0L);
        foreach (var (publisher, start) in crowd.Publishers.Zip(first))
        {
            var published = publisher.NextNumber - start;
            var found = stored.GetValueOrDefault(publisher.Device.DeviceId) ?? new Stored(0, 0, start, publisher.NextNumber - 1);
            missing += published - found.Different;
            doubled += found.Count - found.Different;
            if (found.First < start || found.Last >= publisher.NextNumber)
            {
                throw new InvalidDataException(
                    $"Device {publisher.Device.Id} published readings {start} to {publisher.NextNumber - 1}, but {found.First} to {found.Last} are stored");
            }
        }

        return (missing, doubled);
    }

    /// <summary>How many readings ingestion says that it has stored; for the eye, and not asked more often than once a second.</summary>
    private static async Task<long> IngestedAsync(HttpClient http, CancellationToken cancellation)
    {
        var text = await http.GetStringAsync(new Uri("/metrics", UriKind.Relative), cancellation);
        var line = text.Split('\n').FirstOrDefault(l => l.StartsWith("telemetry_ingested", StringComparison.Ordinal) && l.Contains("_total", StringComparison.Ordinal));
        return line is null ? 0 : (long)double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
    }
}
