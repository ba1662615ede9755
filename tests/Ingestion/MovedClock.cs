namespace EasySmart.Ingestion.Tests;

/// <summary>Says what time a test likes; what waits, waits by the real clock.</summary>
internal sealed class MovedClock(DateTimeOffset now) : TimeProvider
{
    public DateTimeOffset Now { get; set; } = now;

    public override DateTimeOffset GetUtcNow() => Now;
}
