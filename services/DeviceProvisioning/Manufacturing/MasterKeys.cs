using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>
/// The manufacturing master keys, and what devices sign with keys that are derived from them (contract.md §1). No device's key is stored: it
/// is derived again when it is needed.
/// </summary>
public sealed class MasterKeys(IOptions<ManufacturingOptions> options)
{
    private readonly Dictionary<string, byte[]> _keys = options.Value.MasterKeys.ToDictionary(
        key => key.Key, key => Encoding.UTF8.GetBytes(key.Value), StringComparer.OrdinalIgnoreCase);

    /// <summary>The id of the key for new devices.</summary>
    public string CurrentId { get; } = options.Value.CurrentKey;

    /// <summary>A device's own key for one of its identities; null when the master key is not configured any more.</summary>
    public string? DeviceKey(string? keyId, string identity) =>
        keyId is not null && _keys.TryGetValue(keyId, out var master) ? Derive(master, identity) : null;

    /// <summary>Whether the device itself signed <paramref name="text"/>.</summary>
    public bool IsSigned(string? keyId, string identity, string text, string signature) =>
        DeviceKey(keyId, identity) is { } key && IsSigned(Encoding.ASCII.GetBytes(key), text, signature);

    /// <summary>The same for an identity that is not known, and so may have a key of any master key.</summary>
    public bool IsSignedWithAny(string identity, string text, string signature) =>
        Any(master => IsSigned(Encoding.ASCII.GetBytes(Derive(master, identity)), text, signature));

    /// <summary>Whether it is signed the legacy way, with a master key itself.</summary>
    public bool IsSignedByMaster(string text, string signature) => Any(master => IsSigned(master, text, signature));

    /// <summary>Lower-case hex of HMAC-SHA256, the one form of keys and signatures.</summary>
    public static string Sign(byte[] key, string text) => Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text)));

    private static string Derive(byte[] master, string identity) => Sign(master, identity);

    private static bool IsSigned(byte[] key, string text, string signature) =>
        CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Sign(key, text)), Encoding.UTF8.GetBytes(signature));

    // Every key is tried, whether or not one has matched.
    private bool Any(Func<byte[], bool> matches) => _keys.Values.Aggregate(false, (found, master) => matches(master) | found);
}
