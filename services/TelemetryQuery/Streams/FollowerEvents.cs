using System.Net.ServerSentEvents;
using System.Text.Json;
using System.Text.Json.Serialization;
using EasySmart.ServiceDefaults;

namespace EasySmart.TelemetryQuery.Streams;

/// <summary>The events of a stream. Each carries the position as its id, so that a client can resume after any of them.</summary>
internal sealed partial class Follower
{
    private SseItem<string> Event(string type, object data) =>
        new(JsonSerializer.Serialize(data, Json.Options), type) { EventId = Position.Format(_position) };

    /// <summary>The event of a reading; null when it was told already, or cannot be told now.</summary>
    private async Task<SseItem<string>?> EventOfAsync(LiveReading reading)
    {
        if (_told?.Add(reading.Identity) is false)
        {
            return null;
        }

        try
        {
            if (await reading.JsonAsync() is not { } json)
            {
                return null;
            }

            _position = Position.Later(_position, reading.Received);
            metrics.Told();
            return new SseItem<string>(json, "reading") { EventId = Position.Format(_position) };
        }
        catch (Exception exception)
        {
            LogLater(tenant, exception.Message);
            _told?.Remove(reading.Identity);
            LookSince(reading.Received, clock.GetUtcNow());
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A stream of tenant {Tenant} looks for readings later: {Reason}")]
    private partial void LogLater(Guid tenant, string reason);

    /// <summary>Data of the event <c>ping</c>.</summary>
    private sealed record Ping(
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<Guid>? NotFound);

    /// <summary>Data of the event <c>gap</c>: what arrived between these may be missing.</summary>
    private sealed record Gap(DateTimeOffset From, DateTimeOffset To, string Reason);
}
