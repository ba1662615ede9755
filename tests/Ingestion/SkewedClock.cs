using Microsoft.Extensions.Time.Testing;

namespace EasySmart.Ingestion.Tests;

/// <summary>Says the real time, or a wrong one; what waits, waits until the test has time pass.</summary>
internal sealed class SkewedClock : FakeTimeProvider
{
    public TimeSpan Skew { get; set; }

    public override DateTimeOffset GetUtcNow() => TimeProvider.System.GetUtcNow() + Skew;
}
