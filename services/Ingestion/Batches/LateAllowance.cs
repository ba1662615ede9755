using System.Diagnostics;

namespace EasySmart.Ingestion.Batches;

/// <summary>How many late messages go before live ones that wait: so many a second, and no more than a part of one batch at once.</summary>
/// <param name="perSecond">Messages a second.</param>
/// <param name="most">Messages at once.</param>
internal sealed class LateAllowance(int perSecond, int most)
{
    private double _left = most;
    private long _since = Stopwatch.GetTimestamp();

    /// <summary>Whether one more may go first.</summary>
    public bool TryUse()
    {
        var now = Stopwatch.GetTimestamp();
        _left = Math.Min(most, _left + perSecond * Stopwatch.GetElapsedTime(_since, now).TotalSeconds);
        _since = now;
        if (_left < 1)
        {
            return false;
        }

        _left--;
        return true;
    }
}
