using System.Net;
using System.Net.Sockets;
using EasySmart.DeviceProvisioning.Devices;
using Microsoft.Extensions.Options;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>Who tries to log in, from where.</summary>
/// <param name="Username">A device's id, a label, or nothing for what can be neither.</param>
/// <param name="Address">An IPv4 address, or the /64 of an IPv6 address; null when the broker did not say.</param>
public readonly record struct LoginAttempt(string Username, UInt128? Address)
{
    public static LoginAttempt Of(string username, string? peerhost) => new(
        // However an id is written, it is one user name; and a long one is not remembered.
        Guid.TryParse(username, out var id) ? id.ToString() : DeviceLabelAttribute.Fault(username) is null ? username : "",
        IPAddress.TryParse(peerhost, out var address) ? Network(address) : null);

    private static UInt128 Network(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.MapToIPv6().TryWriteBytes(bytes, out _);
        if (address is { AddressFamily: AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false })
        {
            bytes[8..].Clear();
        }

        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }
}

/// <summary>
/// Slows guessing, by (user name, address) and by address. Never by user name alone: then anybody could keep a device out by failing in
/// its name. In the memory of this instance, and bounded. Where the broker names no address nothing is slowed, for the same reason.
/// </summary>
public sealed class LoginThrottle(IOptions<LoginThrottleOptions> options, TimeProvider clock)
{
    // A device that failed now and then over weeks is nobody who guesses.
    private static readonly TimeSpan FailuresCountFor = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly LoginThrottleOptions _options = options.Value;
    private readonly Lock _gate = new();
    private readonly Recent<LoginAttempt, (int Count, DateTimeOffset Last)> _failures = new(options.Value.Remembered);
    private readonly Recent<LoginAttempt, DateTimeOffset> _known = new(options.Value.Remembered);
    private readonly Recent<UInt128, (int Count, DateTimeOffset Since)> _addresses = new(options.Value.Remembered);

    /// <summary>This user name failed too often from this address, and must wait.</summary>
    public bool Slows(LoginAttempt attempt)
    {
        if (attempt.Address is null)
        {
            return false;
        }

        lock (_gate)
        {
            return _failures.TryGet(attempt, out var failures) && failures.Count >= _options.FreeFailures
                && clock.GetUtcNow() < failures.Last + DelayAfter(failures.Count);
        }
    }

    /// <summary>Too much fails at this address, and this user name did not get in from there lately.</summary>
    public bool SlowsStranger(LoginAttempt attempt)
    {
        if (attempt.Address is not { } address)
        {
            return false;
        }

        var now = clock.GetUtcNow();
        lock (_gate)
        {
            return _addresses.TryGet(address, out var failures) && now < failures.Since + Window && failures.Count > _options.FailuresPerAddress
                && !(_known.TryGet(attempt, out var at) && now < at + _options.KnownFor);
        }
    }

    /// <summary>It was not a device, or not its secret.</summary>
    public void Failed(LoginAttempt attempt)
    {
        if (attempt.Address is not { } address)
        {
            return;
        }

        var now = clock.GetUtcNow();
        lock (_gate)
        {
            var here = _addresses.TryGet(address, out var all) && now < all.Since + Window ? all : (Count: 0, Since: now);
            _addresses.Set(address, (here.Count + 1, here.Since));
            if (attempt.Username.Length > 0)
            {
                var count = _failures.TryGet(attempt, out var failures) && now < failures.Last + _options.LongestDelay + FailuresCountFor ? failures.Count : 0;
                _failures.Set(attempt, (count + 1, now));
            }
        }
    }

    /// <summary>It got in: what failed before is forgotten.</summary>
    public void Passed(LoginAttempt attempt)
    {
        if (attempt.Address is null)
        {
            return;
        }

        lock (_gate)
        {
            _failures.Remove(attempt);
            _known.Set(attempt, clock.GetUtcNow());
        }
    }

    private TimeSpan DelayAfter(int failures)
    {
        var delay = _options.FirstDelay * Math.Pow(2, Math.Min(failures - _options.FreeFailures, 30));
        return delay < _options.LongestDelay ? delay : _options.LongestDelay;
    }

    /// <summary>At most so many; when it is full, the half that was not set lately goes.</summary>
    private sealed class Recent<TKey, TValue>(int most) where TKey : notnull
    {
        private Dictionary<TKey, TValue> _young = [];
        private Dictionary<TKey, TValue> _old = [];

        public bool TryGet(TKey key, out TValue? value) => _young.TryGetValue(key, out value) || _old.TryGetValue(key, out value);

        public void Set(TKey key, TValue value)
        {
            if (_young.Count >= most / 2)
            {
                (_young, _old) = ([], _young);
            }

            _old.Remove(key);
            _young[key] = value;
        }

        public void Remove(TKey key)
        {
            _young.Remove(key);
            _old.Remove(key);
        }
    }
}
