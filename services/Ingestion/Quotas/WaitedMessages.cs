namespace EasySmart.Ingestion.Quotas;

/// <summary>A device's messages that were taken beside the minutes, because they may have waited through an outage.</summary>
internal struct WaitedMessages
{
    private int _outage;
    private long _taken;

    /// <summary>Counts one more of <paramref name="outage"/>, unless as many were taken as can have waited within the quota.</summary>
    public bool TryTake(Outage outage, long quota)
    {
        if (outage.Number != _outage)
        {
            (_outage, _taken) = (outage.Number, 0);
        }

        if (_taken >= outage.MostWaited(quota))
        {
            return false;
        }

        _taken++;
        return true;
    }
}
