namespace EasySmart.Identity.Accounts;

internal static class Moment
{
    /// <summary>Now, in microseconds: what PostgreSQL keeps, so that a time answered now equals the one read later.</summary>
    public static DateTimeOffset GetMoment(this TimeProvider clock)
    {
        var now = clock.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
    }
}
