using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>
/// What one host counts from now on. Not by <c>/metrics</c>: the exporter hears the counters of every host in this process, and takes no more
/// than a thousand of them.
/// </summary>
public sealed class Counted : IDisposable
{
    private readonly MeterListener _listener = new();
    private long _sum;

    /// <param name="host">The host.</param>
    /// <param name="counter">The counter's name.</param>
    /// <param name="result">Only with this value of the tag <c>result</c>; null for all.</param>
    public Counted(DevicesHost host, string counter, string? result = null)
    {
        var meters = host.Services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == counter && instrument.Meter.Scope == meters)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
        {
            if (result is null || tags.Contains(new KeyValuePair<string, object?>("result", result)))
            {
                Interlocked.Add(ref _sum, value);
            }
        });
        _listener.Start();
    }

    public long Sum => Interlocked.Read(ref _sum);

    public void Dispose() => _listener.Dispose();
}
