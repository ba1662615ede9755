namespace EasySmart.Broker;

/// <summary>
/// The client's QoS 2 messages that are published and whose PUBREL has not come: a repeat of one is not published again.
/// Two connections of one session may ask at the same time, for a moment.
/// </summary>
internal sealed class ReceivedIdentifiers
{
    private readonly Lock _gate = new();
    private readonly HashSet<ushort> _identifiers = [];

    public bool Has(ushort identifier)
    {
        lock (_gate)
        {
            return _identifiers.Contains(identifier);
        }
    }

    public void Add(ushort identifier)
    {
        lock (_gate)
        {
            _identifiers.Add(identifier);
        }
    }

    public bool Remove(ushort identifier)
    {
        lock (_gate)
        {
            return _identifiers.Remove(identifier);
        }
    }
}
