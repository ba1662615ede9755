using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Quotas;
using EasySmart.Ingestion.Usage;

namespace EasySmart.Ingestion;

/// <summary>What a source delivers at once and is told of at once, on its way to the commit: one reading, several, or a rejection.</summary>
internal sealed class Message(string topic, ReadOnlyMemory<byte> payload, IMessageSource source)
{
    private const int Free = 0;
    private const int Held = 1;
    private const int Withdrawn = 2;
    private int _hold;

    public string Topic => topic;

    public ReadOnlyMemory<byte> Payload { get; private set; } = payload;

    /// <summary>Who hears of the commit.</summary>
    public IMessageSource Source => source;

    /// <summary>What it costs in memory, about.</summary>
    public int Size => 2 * topic.Length + Payload.Length;

    /// <summary>As the topic says, until the device is known.</summary>
    public Guid TenantId { get; set; }

    public Guid DeviceId { get; set; }

    public short Slot { get; set; }

    /// <summary>The device; null while it is not known.</summary>
    public KnownDevice? Device { get; set; }

    /// <summary>Arrival, microseconds since 1970.</summary>
    public long ReceivedAt { get; init; }

    /// <summary>When the broker got it, if the source knows: the time of a reading that names none. Microseconds since 1970.</summary>
    public long? SentAt { get; init; }

    /// <summary>Somebody waits for the commit, and its batch for nothing more. A broker's messages have time.</summary>
    public bool IsAwaited { get; init; }

    /// <summary>What it says; none while that is not decided, or when all of it is refused.</summary>
    public Reading[] Readings { get; set; } = [];

    /// <summary>Why all of it is refused.</summary>
    public string? Rejection { get; set; }

    /// <summary>The quota that refuses it, if one does.</summary>
    public OverQuota? Over { get; set; }

    /// <summary>The minute that it counts for, in the quota of messages; 0 when it does not count.</summary>
    public long CountedIn { get; set; }

    /// <summary>A level of the late messages' quota that it reached, to be told of with its commit.</summary>
    public Crossing? Crossed { get; set; }

    /// <summary>A commit of it was tried, and nobody knows whether it went through.</summary>
    public bool InDoubt { get; set; }

    /// <summary>The tally that has counted it as used.</summary>
    public UsageTally? CountedBy { get; set; }

    /// <summary>Rows that it makes, for the size of a batch.</summary>
    public int Rows => Math.Max(1, Readings.Length);

    /// <summary>The MQTT packet identifier; 0 when there is nothing to acknowledge.</summary>
    public ushort PacketId { get; init; }

    /// <summary>The source's own: which of its connections delivered it last.</summary>
    public int Connection { get; set; }

    /// <summary>It waits aside, and the others are acknowledged before it.</summary>
    public bool OutOfLine { get; set; }

    /// <summary>The source's own: it is committed.</summary>
    public bool Done { get; set; }

    /// <summary>A commit is about to be tried; false when its source has taken it back.</summary>
    public bool TryHold() => Interlocked.CompareExchange(ref _hold, Held, Free) != Withdrawn;

    /// <summary>The commit failed; until the next attempt the source may take it back.</summary>
    public void LetGo() => Volatile.Write(ref _hold, Free);

    /// <summary>Takes it back: it will not be stored. Not while a commit is being tried, nor after one.</summary>
    public bool TryWithdraw()
    {
        if (Interlocked.CompareExchange(ref _hold, Withdrawn, Free) != Free)
        {
            return false;
        }

        // It may stand in line for as long as an outage lasts; what it holds must not.
        (Payload, Readings) = (default, []);
        if (CountedIn != 0 && Over is null)
        {
            Device?.Minute.GiveBack(CountedIn);
        }

        return true;
    }
}

/// <summary>Where messages come from and are acknowledged to.</summary>
internal interface IMessageSource
{
    /// <summary>These messages of its are committed; now, and not before, they may be acknowledged.</summary>
    ValueTask CommittedAsync(IReadOnlyList<Message> messages);
}
