namespace EasySmart.Ingestion.Webhook;

/// <summary>How much of what is sent is in memory at once. There is no waiting for room: the sender keeps it, and sends it again.</summary>
/// <param name="most">Bytes; what is larger is let into the empty room.</param>
internal sealed class Room(int most)
{
    private long _taken;

    /// <summary>Room until it is disposed of; null when there is none.</summary>
    public IDisposable? Take(int bytes)
    {
        var taken = Interlocked.Add(ref _taken, bytes);
        if (taken <= most || taken == bytes)
        {
            return new Place(this, bytes);
        }

        Interlocked.Add(ref _taken, -bytes);
        return null;
    }

    private sealed class Place(Room room, int bytes) : IDisposable
    {
        public void Dispose() => Interlocked.Add(ref room._taken, -bytes);
    }
}
