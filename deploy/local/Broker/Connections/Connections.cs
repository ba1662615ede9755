using System.Collections.Concurrent;

namespace EasySmart.Broker;

/// <summary>Those that are open now.</summary>
internal sealed class Connections
{
    private readonly ConcurrentDictionary<Connection, bool> _open = [];

    public int Count => _open.Count;

    public IEnumerable<Connection> All => _open.Keys;

    public void Add(Connection connection) => _open[connection] = true;

    public void Remove(Connection connection) => _open.TryRemove(connection, out _);
}
