using System.Security.Cryptography;
using EasySmart.DeviceProvisioning.Devices;
using Microsoft.Extensions.Options;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>The fleet's own MQTT users. They need no database, so ingestion keeps its session while that is away.</summary>
public sealed class ServiceAccounts(IOptions<MqttOptions> options)
{
    /// <summary>Begins their user names and client ids. No label can: it has a slash.</summary>
    public const string Prefix = "service/";

    private readonly Dictionary<string, byte[]> _passwords = options.Value.ServiceAccounts.ToDictionary(
        account => account.Key, account => Credential.Hash(account.Value), StringComparer.Ordinal);

    /// <summary>What the service may do; null when it is not one, or this is not its password.</summary>
    public IReadOnlyList<AccessRule>? LogIn(string username, byte[] passwordHash)
    {
        var name = username[Prefix.Length..];
        return _passwords.TryGetValue(name, out var expected) && CryptographicOperations.FixedTimeEquals(expected, passwordHash)
            ? AccessList.Services[name]
            : null;
    }
}
