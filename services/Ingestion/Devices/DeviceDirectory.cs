using System.Collections.Concurrent;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Ingestion.Parsing;
using EasySmart.Ingestion.Quotas;

namespace EasySmart.Ingestion.Devices;

/// <summary>A device as its owner, DeviceProvisioning, last told of it.</summary>
internal sealed class KnownDevice(Guid id, Guid? tenantId, DeviceStatus status, long version)
{
    // Most of the devices that are known send nothing for long.
    private MinuteWindow? _minute;
    private Backlog? _backlog;

    public Guid Id => id;

    public Guid? TenantId => tenantId;

    public DeviceStatus Status => status;

    public long Version => version;

    /// <summary>Arrival of the reading with which it was last published as seen; microseconds since 1970.</summary>
    public long SeenAt { get; set; }

    /// <summary>Its messages of this minute.</summary>
    public MinuteWindow Minute => _minute ?? Interlocked.CompareExchange(ref _minute, new MinuteWindow(), null) ?? _minute;

    /// <summary>Its late messages.</summary>
    public Backlog Backlog => _backlog ?? Interlocked.CompareExchange(ref _backlog, new Backlog(), null) ?? _backlog;

    /// <summary>Is newer than what was <paramref name="known"/>, and goes on from there.</summary>
    public KnownDevice After(KnownDevice known)
    {
        // Another tenant's readings make it seen anew, and count for another quota.
        if (tenantId == known.TenantId)
        {
            (SeenAt, _minute, _backlog) = (known.SeenAt, known.Minute, known.Backlog);
        }

        return this;
    }
}

/// <summary>What the directory says of a message's device.</summary>
internal enum Verdict
{
    Accept,
    Refuse,

    /// <summary>Not known, or known otherwise than the topic says: the replica may be behind, so its owner decides.</summary>
    AskOwner,
}

/// <summary>All devices in memory: the hot path's view of the replica.</summary>
internal sealed class DeviceDirectory(TimeProvider clock)
{
    // How long a refusal stands before the owner is asked again. Short, since it may have changed its mind; long enough that a device
    // which is shut out cannot keep its owner busy.
    private static readonly TimeSpan RefusalStands = TimeSpan.FromSeconds(1);
    private const int MostRefusals = 100_000;

    private readonly ConcurrentDictionary<Guid, KnownDevice> _devices = new();
    private readonly ConcurrentDictionary<(Guid Tenant, Guid Device), long> _refused = new();

    public int Count => _devices.Count;

    /// <summary>The device, when it is known.</summary>
    public KnownDevice? Find(Guid id) => _devices.GetValueOrDefault(id);

    /// <summary>Takes in what is newer than what is known.</summary>
    public void Apply(KnownDevice device) => _devices.AddOrUpdate(
        device.Id,
        static (_, added) => added,
        static (_, known, added) => added.Version <= known.Version ? known : added.After(known),
        device);

    /// <summary>Its owner was just asked about the device of a message; what is refused now is refused for a moment without asking.</summary>
    public void OwnerAnswered(Guid tenant, Guid device)
    {
        if (_refused.Count > MostRefusals)
        {
            _refused.Clear();
        }

        _refused[(tenant, device)] = clock.GetTimestamp();
    }

    /// <summary>Whether a message may be stored for <paramref name="tenant"/> and <paramref name="id"/>, as its topic says.</summary>
    /// <param name="tenant">The topic's tenant.</param>
    /// <param name="id">The topic's device.</param>
    /// <param name="device">The device, when it is known.</param>
    /// <param name="refusal">The reason, when it is refused.</param>
    public Verdict Judge(Guid tenant, Guid id, out KnownDevice? device, out string? refusal)
    {
        refusal = null;
        if (_devices.TryGetValue(id, out device) && device.TenantId == tenant && device.Status is DeviceStatus.Claimed or DeviceStatus.Active)
        {
            return Verdict.Accept;
        }

        if (!_refused.TryGetValue((tenant, id), out var at) || clock.GetElapsedTime(at) > RefusalStands)
        {
            return Verdict.AskOwner;
        }

        refusal = device is null ? Rejections.UnknownDevice
            : device.TenantId != tenant ? Rejections.TenantMismatch
            : Rejections.DeviceInactive;
        return Verdict.Refuse;
    }
}
