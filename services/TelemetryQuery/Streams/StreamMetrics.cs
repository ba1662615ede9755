using System.Diagnostics.Metrics;

namespace EasySmart.TelemetryQuery.Streams;

/// <summary>What the operator sees of the streams.</summary>
internal sealed class StreamMetrics
{
    private readonly UpDownCounter<int> _open;
    private readonly Counter<long> _dropped;
    private readonly Counter<long> _events;

    public StreamMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("EasySmart.TelemetryQuery");
        _open = meter.CreateUpDownCounter<int>("telemetry.stream.open", "{stream}", "Streams that are open");
        _dropped = meter.CreateCounter<long>("telemetry.stream.dropped", "{stream}", "Streams that this service ended, by reason");
        _events = meter.CreateCounter<long>("telemetry.stream.events", "{reading}", "Readings told on streams");
    }

    public void Opened() => _open.Add(1);

    public void Closed() => _open.Add(-1);

    public void Dropped(string reason) => _dropped.Add(1, new KeyValuePair<string, object?>("reason", reason));

    public void Told() => _events.Add(1);
}
