using System.Threading.Channels;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>What <see cref="LoginMemory"/> has still to read: devices, which tenants are suspended, or all of it.</summary>
public sealed class LoginBacklog
{
    // Many ids in one question; few enough that its answer does not keep the next ones waiting.
    private const int BatchSize = 1000;

    private readonly Lock _gate = new();
    private readonly Channel<bool> _some = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly HashSet<Guid> _devices = [];
    private bool _all;
    private bool _tenants;
    private bool _reading;

    /// <summary>Something that concerns every device is not read yet: what memory says may be old, whatever is heard meanwhile.</summary>
    public bool IsWide
    {
        get
        {
            lock (_gate)
            {
                return _all || _tenants || _reading;
            }
        }
    }

    public void Add(Guid device) => Put(() => _devices.Add(device));

    public void AddTenants() => Put(() => _tenants = true);

    public void AddAll() => Put(() => _all = true);

    /// <summary>Waits until there is something to read, and takes a portion. It must be <see cref="Done"/> or <see cref="PutBack"/>.</summary>
    public async Task<Portion> TakeAsync(CancellationToken cancellation)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_all || _tenants || _devices.Count > 0)
                {
                    var portion = new Portion(_all, _all || _tenants, _all ? [] : [.. _devices.Take(BatchSize)]);
                    // All includes each; whoever is added during the reading comes again.
                    if (_all)
                    {
                        _devices.Clear();
                    }

                    _devices.ExceptWith(portion.Devices);
                    (_all, _tenants, _reading) = (false, false, portion.Tenants);
                    return portion;
                }
            }

            await _some.Reader.ReadAsync(cancellation);
        }
    }

    public void Done()
    {
        lock (_gate)
        {
            _reading = false;
        }
    }

    public void PutBack(Portion portion) => Put(() =>
    {
        (_all, _tenants, _reading) = (_all || portion.All, _tenants || portion.Tenants, false);
        _devices.UnionWith(portion.Devices);
    });

    private void Put(Action change)
    {
        lock (_gate)
        {
            change();
        }

        _some.Writer.TryWrite(true);
    }

    /// <summary>What is read at once.</summary>
    /// <param name="All">Every device.</param>
    /// <param name="Tenants">Which tenants are suspended.</param>
    /// <param name="Devices">These devices.</param>
    public sealed record Portion(bool All, bool Tenants, Guid[] Devices);
}
