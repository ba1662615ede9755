using EasySmart.Ingestion.Parsing;

namespace EasySmart.Ingestion;

/// <summary>Where a reading's time comes from, and so what it means when the time is taken.</summary>
internal enum TimeSource : byte
{
    /// <summary>It arrived then. Taken: it moves to the next free microsecond.</summary>
    Arrival,

    /// <summary>The broker got it then, to the millisecond. Taken by the same value: the request is a repeat. By another: it moves.</summary>
    Broker,

    /// <summary>It says so itself. Taken by the same value: a repeat. By another: a conflict, the first stays.</summary>
    Own,
}

/// <summary>One value of one slot: a row.</summary>
/// <param name="message">What it came with.</param>
/// <param name="payload">Its JSON: the message's payload, or the part of it that is this reading.</param>
internal sealed class Reading(Message message, ReadOnlyMemory<byte> payload)
{
    public Message Message => message;

    public ReadOnlyMemory<byte> Payload => payload;

    public PayloadForm Form { get; init; }

    /// <summary>Its number; NaN when it has none.</summary>
    public double Value { get; init; }

    /// <summary>Microseconds since 1970.</summary>
    public long Time { get; set; }

    public TimeSource TimeSource { get; init; }

    /// <summary>Why it is refused, though its message is not.</summary>
    public string? Rejection { get; set; }
}
