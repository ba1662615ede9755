using System.Diagnostics;
using System.Diagnostics.Metrics;
using EasySmart.Ingestion.Batches;

namespace EasySmart.Ingestion;

/// <summary>What the operator sees of the path from broker to commit.</summary>
internal sealed class IngestionMetrics
{
    private static readonly InstrumentAdvice<double> Seconds = new() { HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] };
    private static readonly InstrumentAdvice<int> Rows = new() { HistogramBucketBoundaries = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] };

    private readonly Meter _meter;
    private readonly Counter<long> _ingested;
    private readonly Counter<long> _rejected;
    private readonly Counter<long> _redelivered;
    private readonly Histogram<int> _batchRows;
    private readonly Histogram<double> _commitTime;
    private readonly Histogram<double> _lag;
    private readonly Counter<long> _corrected;
    private long _rolledUntilTicks;

    public IngestionMetrics(IMeterFactory meters, TimeProvider clock)
    {
        _meter = meters.Create("EasySmart.Ingestion");
        _ingested = _meter.CreateCounter<long>("telemetry.ingested", "{reading}", "Readings newly stored");
        _rejected = _meter.CreateCounter<long>("telemetry.rejected", "{message}", "Messages refused, by reason");
        _redelivered = _meter.CreateCounter<long>("telemetry.redelivered", "{message}", "Messages that the broker delivered again");
        _batchRows = _meter.CreateHistogram("telemetry.batch.rows", "{message}", "Messages in one commit", null, Rows);
        _commitTime = _meter.CreateHistogram("telemetry.commit.duration", "s", "From the first row of a batch to its commit", null, Seconds);
        _lag = _meter.CreateHistogram("telemetry.lag", "s", "From a live reading's time, as its device, the broker or its arrival tells it, to its commit", null, Seconds);
        _corrected = _meter.CreateCounter<long>("telemetry.rollup.corrected", "{quarter}", "Quarter hours rolled up anew because of late readings");
        _meter.CreateObservableGauge(
            "telemetry.rollup.lag",
            () => Volatile.Read(ref _rolledUntilTicks) is > 0 and var ticks ? [new((clock.GetUtcNow().UtcTicks - ticks) / (double)TimeSpan.TicksPerSecond)] : Array.Empty<Measurement<double>>(),
            "s",
            "Since the end of the last quarter hour that is rolled up, where this instance does it");
    }

    /// <summary>Rollups were corrected.</summary>
    public void Corrected(int quarters) => _corrected.Add(quarters);

    /// <summary>All quarters until then are rolled up; null where another instance does it.</summary>
    public void RolledUntil(DateTime? time) => Volatile.Write(ref _rolledUntilTicks, time?.Ticks ?? 0);

    public void Redelivered() => _redelivered.Add(1);

    /// <summary>A batch is committed.</summary>
    /// <param name="messages">Messages in it.</param>
    /// <param name="stored">Readings newly stored.</param>
    /// <param name="since">When its writing began, as <see cref="Stopwatch"/> counts.</param>
    /// <param name="now">Microseconds since 1970.</param>
    public void Committed(int messages, IReadOnlyList<Reading> stored, long since, long now)
    {
        _ingested.Add(stored.Count);
        _batchRows.Record(messages);
        _commitTime.Record(Stopwatch.GetElapsedTime(since).TotalSeconds);
        foreach (var reading in stored)
        {
            if (!Lanes.IsLate(reading))
            {
                _lag.Record(Math.Max(0, now - reading.Time) / 1e6);
            }
        }
    }

    public void Rejected(string reason, long count) => _rejected.Add(count, new KeyValuePair<string, object?>("reason", reason));

    /// <summary>Shows a number that somebody else keeps.</summary>
    public void Show(string name, string description, Func<int> read) => _meter.CreateObservableGauge(name, read, "{message}", description);
}
