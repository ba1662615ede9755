using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Parsing;

namespace EasySmart.Ingestion;

/// <summary>A message on its way from a source to the commit, as one reading or one rejection.</summary>
internal sealed class Message(string topic, ReadOnlyMemory<byte> payload, IMessageSource source)
{
    public string Topic => topic;

    public ReadOnlyMemory<byte> Payload => payload;

    /// <summary>Who hears of the commit.</summary>
    public IMessageSource Source => source;

    /// <summary>What it costs in memory, about.</summary>
    public int Size => 2 * topic.Length + payload.Length;

    /// <summary>As the topic says, until the device is known.</summary>
    public Guid TenantId { get; set; }

    public Guid DeviceId { get; set; }

    public short Slot { get; set; }

    /// <summary>The device; null while it is not known.</summary>
    public KnownDevice? Device { get; set; }

    public PayloadForm Form { get; set; }

    public double Value { get; set; }

    /// <summary>Arrival, microseconds since 1970.</summary>
    public long ReceivedAt { get; init; }

    /// <summary>The reading's time: its own, or that of its arrival.</summary>
    public long Time { get; set; }

    /// <summary>Whether the payload names the time. What does not may be moved to a free microsecond.</summary>
    public bool HasOwnTime { get; set; }

    /// <summary>Why it is refused; null for a reading.</summary>
    public string? Rejection { get; set; }

    /// <summary>The MQTT packet identifier; 0 when there is nothing to acknowledge.</summary>
    public ushort PacketId { get; init; }

    /// <summary>The source's own: which of its connections delivered it last.</summary>
    public int Connection { get; set; }

    /// <summary>The source's own: it waits for its device to become known, out of the line of the others.</summary>
    public bool OutOfLine { get; set; }

    /// <summary>The source's own: it is committed.</summary>
    public bool Done { get; set; }
}

/// <summary>Where messages come from and are acknowledged to.</summary>
internal interface IMessageSource
{
    /// <summary>These messages of its are committed; now, and not before, they may be acknowledged.</summary>
    ValueTask CommittedAsync(IReadOnlyList<Message> messages);
}
