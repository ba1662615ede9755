using System.Diagnostics;
using System.Diagnostics.Metrics;

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

    public IngestionMetrics(IMeterFactory meters)
    {
        _meter = meters.Create("EasySmart.Ingestion");
        _ingested = _meter.CreateCounter<long>("telemetry.ingested", "{reading}", "Readings newly stored");
        _rejected = _meter.CreateCounter<long>("telemetry.rejected", "{message}", "Messages refused, by reason");
        _redelivered = _meter.CreateCounter<long>("telemetry.redelivered", "{message}", "Messages that the broker delivered again");
        _batchRows = _meter.CreateHistogram("telemetry.batch.rows", "{message}", "Messages in one commit", null, Rows);
        _commitTime = _meter.CreateHistogram("telemetry.commit.duration", "s", "From the first row of a batch to its commit", null, Seconds);
    }

    public void Redelivered() => _redelivered.Add(1);

    public void Committed(int messages, int stored, long since)
    {
        _ingested.Add(stored);
        _batchRows.Record(messages);
        _commitTime.Record(Stopwatch.GetElapsedTime(since).TotalSeconds);
    }

    public void Rejected(string reason, long count) => _rejected.Add(count, new KeyValuePair<string, object?>("reason", reason));

    /// <summary>Shows a number that somebody else keeps.</summary>
    public void Show(string name, string description, Func<int> read) => _meter.CreateObservableGauge(name, read, "{message}", description);
}
