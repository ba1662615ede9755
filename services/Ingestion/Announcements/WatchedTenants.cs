using System.Collections.Concurrent;

namespace EasySmart.Ingestion.Announcements;

/// <summary>Tenants whose readings somebody follows live. Whoever follows says so again every few seconds; who is silent is forgotten.</summary>
internal sealed class WatchedTenants(TimeProvider clock)
{
    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(20);
    private readonly ConcurrentDictionary<Guid, DateTimeOffset> _until = new();

    /// <summary>Nobody follows anything, which is how a plant runs most of the time.</summary>
    public bool IsEmpty => _until.IsEmpty;

    /// <summary>Somebody says that it follows the tenant.</summary>
    public void Watch(Guid tenant) => _until[tenant] = clock.GetUtcNow() + Remembered;

    public bool Contains(Guid tenant) => _until.TryGetValue(tenant, out var until) && clock.GetUtcNow() < until;

    /// <summary>Forgets whom nobody follows any more.</summary>
    public void Forget()
    {
        var now = clock.GetUtcNow();
        foreach (var watched in _until)
        {
            if (watched.Value <= now)
            {
                // Not when it was said again meanwhile.
                _until.TryRemove(watched);
            }
        }
    }
}
