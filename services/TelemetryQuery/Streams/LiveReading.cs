using System.Text.Json;
using EasySmart.ServiceDefaults;
using EasySmart.TelemetryQuery.Values;

namespace EasySmart.TelemetryQuery.Streams;

/// <summary>What a stream is told: a reading, or that it may have missed some.</summary>
internal abstract record Notice;

/// <summary>Readings may be stored of which it was not told.</summary>
/// <param name="Since">Arrived since then; null: since the stream's position.</param>
internal sealed record Disturbance(DateTimeOffset? Since) : Notice;

/// <summary>A reading on its way to those who follow its device; one object for all of them.</summary>
/// <param name="Device">The device.</param>
/// <param name="Slot">The slot.</param>
/// <param name="Time">The reading's time.</param>
/// <param name="Received">When it arrived.</param>
/// <param name="Value">The payload; null when it was too large to come along and is read when somebody wants it.</param>
/// <param name="ReadAsync">Reads the value, for all who want it; null when it is not there any more.</param>
internal sealed record LiveReading(Guid Device, short Slot, DateTimeOffset Time, DateTimeOffset Received, string? Value, Func<LiveReading, Task<string?>> ReadAsync)
    : Notice
{
    private readonly Lock _once = new();
    private Task<string?>? _json;

    /// <summary>What tells two readings apart.</summary>
    public (Guid Device, short Slot, DateTimeOffset Time) Identity => (Device, Slot, Time);

    /// <summary>The event's data; null when the value is not there any more.</summary>
    public Task<string?> JsonAsync()
    {
        lock (_once)
        {
            return _json ??= Value is null ? ReadJsonAsync() : Task.FromResult<string?>(JsonOf(Value));
        }
    }

    private async Task<string?> ReadJsonAsync() => await ReadAsync(this) is { } value ? JsonOf(value) : null;

    private string JsonOf(string value) => JsonSerializer.Serialize(new StreamedReading(Device, Slot, new SentJson(value), Time), Json.Options);
}
