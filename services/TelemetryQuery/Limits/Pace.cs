namespace EasySmart.TelemetryQuery.Limits;

/// <summary>
/// Rests between pieces of work, so that in the long run the work takes no more than a share of one processor's time. Rest that was not needed
/// is saved, up to a bound: what is short never waits.
/// </summary>
/// <param name="share">The share, above 0 and at most 1. Asked anew for each piece.</param>
/// <param name="longestPiece">No piece counts as more work than that.</param>
/// <param name="mostOwed">No rest is longer than that.</param>
/// <param name="clock">What time is measured by.</param>
internal sealed class Pace(Func<double> share, TimeSpan longestPiece, TimeSpan mostOwed, TimeProvider clock)
{
    /// <summary>Rest that can be saved.</summary>
    public static readonly TimeSpan MostSaved = TimeSpan.FromSeconds(2);

    private readonly long _zero = clock.GetTimestamp();

    // Until then the work so far takes its share of the time.
    private TimeSpan _due = -MostSaved;

    private TimeSpan Now => clock.GetElapsedTime(_zero);

    /// <summary>How long the next piece has to wait; zero or less when it may begin.</summary>
    public TimeSpan Owed => _due - Now;

    /// <summary>Counts a piece of work that ends now.</summary>
    public void Count(TimeSpan work)
    {
        var earliest = Now - work - MostSaved;
        var due = (_due > earliest ? _due : earliest) + (work < longestPiece ? work : longestPiece) / share();
        _due = due - Now < mostOwed ? due : Now + mostOwed;
    }

    /// <summary>Waits until the next piece may begin.</summary>
    public Task RestAsync(CancellationToken cancellation) => Owed is var owed && owed > TimeSpan.Zero ? Task.Delay(owed, clock, cancellation) : Task.CompletedTask;
}
