using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Security.Cryptography;
using Microsoft.Extensions.Options;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>
/// What every instance knows of devices that may log in, so that a whole fleet at the door costs the database nothing. It only ever says
/// yes: whom it does not know, or not with this secret, the database is asked about. Filled and kept by <see cref="LoginKeeper"/>.
/// </summary>
public sealed class LoginMemory(LoginBacklog backlog, IOptions<MqttOptions> options, TimeProvider clock)
{
    private readonly TimeSpan _trust = options.Value.TrustMemoryFor;
    private readonly ConcurrentDictionary<Guid, KnownLogin> _byId = new();
    private readonly ConcurrentDictionary<string, KnownLogin> _byLabel = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _filled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _writing = new();
    private readonly Dictionary<Guid, long> _forgotten = [];
    private long _forgettings;
    private volatile FrozenSet<Guid> _suspended = [];
    private long _heard;

    /// <summary>Devices that are known.</summary>
    public int Count => _byId.Count;

    /// <summary>Whether this is the id of a device that may log in, as far as is known.</summary>
    public bool Knows(Guid device) => _byId.ContainsKey(device);

    /// <summary>All devices were read once.</summary>
    public Task Filled => _filled.Task;

    /// <summary>Filled once, and in touch with the database lately. Nothing can change in a database that is down, but not for ever.</summary>
    public bool IsTrusted => Filled.IsCompleted && clock.GetElapsedTime(Interlocked.Read(ref _heard)) < _trust;

    /// <summary>
    /// Asks the database about this device from now on, until its change is read. Who takes a credential back calls it after the commit and
    /// before it answers; other instances hear of the commit from the database.
    /// </summary>
    public void Forget(Guid device)
    {
        lock (_writing)
        {
            _forgotten[device] = ++_forgettings;
            Drop(device);
        }

        backlog.Add(device);
    }

    /// <summary>The device's login, if it is known to be good; null when the database must be asked.</summary>
    public DeviceLogin? LogIn(string username, byte[] passwordHash)
    {
        // What is found by label must still be what is known by id: that is where things are forgotten.
        if (!IsTrusted
            || !(Guid.TryParse(username, out var id) ? _byId.TryGetValue(id, out var known) : _byLabel.TryGetValue(username, out known))
            || !ReferenceEquals(known, _byId.GetValueOrDefault(known.DeviceId))
            || _suspended.Contains(known.TenantId))
        {
            return null;
        }

        var now = clock.GetUtcNow();
        KnownSecret? match = null;
        foreach (var secret in known.Secrets)
        {
            // Every secret is compared, whether or not one has matched.
            if (CryptographicOperations.FixedTimeEquals(secret.Sha256, passwordHash) && !(secret.ValidUntil <= now))
            {
                match = secret;
            }
        }

        return match is null ? null : new DeviceLogin(null, known.DeviceId, known.TenantId, known.Status, match.CredentialId, match.ValidUntil);
    }

    /// <summary>Where forgetting stands. Taken before a reading begins: what is forgotten later, that reading may not have seen.</summary>
    public long Mark()
    {
        lock (_writing)
        {
            return _forgettings;
        }
    }

    /// <summary>Takes in what was read of some devices; who of them was not found may not log in.</summary>
    public void Know(long mark, IEnumerable<Guid> asked, IReadOnlyDictionary<Guid, KnownLogin> found)
    {
        foreach (var device in asked)
        {
            lock (_writing)
            {
                // Forgotten since: it is in the backlog again, and that reading will tell.
                if (_forgotten.TryGetValue(device, out var forgotten) && forgotten > mark)
                {
                    continue;
                }

                _forgotten.Remove(device);
                Drop(device);
                if (found.TryGetValue(device, out var login))
                {
                    Add(login);
                }
            }
        }
    }

    /// <summary>Takes in what was read of all devices.</summary>
    public void KnowAll(long mark, IReadOnlyDictionary<Guid, KnownLogin> found)
    {
        Know(mark, _byId.Keys.Where(device => !found.ContainsKey(device)).Concat(found.Keys), found);
        lock (_writing)
        {
            foreach (var device in _forgotten.Where(f => f.Value <= mark).Select(f => f.Key).ToList())
            {
                _forgotten.Remove(device);
            }
        }
    }

    /// <summary>Takes in which tenants' devices may not log in.</summary>
    public void Suspend(IEnumerable<Guid> tenants) => _suspended = tenants.ToFrozenSet();

    /// <summary>All that was committed until <paramref name="timestamp"/> is in here, or is known to be missing.</summary>
    public void Heard(long timestamp)
    {
        Interlocked.Exchange(ref _heard, timestamp);
        _filled.TrySetResult();
    }

    private void Add(KnownLogin login)
    {
        _byId[login.DeviceId] = login;
        if (login.Label is { } label)
        {
            _byLabel[label] = login;
        }
    }

    private void Drop(Guid device)
    {
        if (_byId.TryRemove(device, out var known) && known.Label is { } label)
        {
            // Unless another device has the label by now.
            _byLabel.TryRemove(new KeyValuePair<string, KnownLogin>(label, known));
        }
    }
}
