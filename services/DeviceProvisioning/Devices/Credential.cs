using System.Security.Cryptography;
using System.Text;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>What a device's password is compared with, and from when to when. The secret itself is nowhere kept.</summary>
public sealed class Credential
{
    public required Guid Id { get; init; }

    public required Guid DeviceId { get; init; }

    public required Guid TenantId { get; init; }

    /// <summary>Null only while <see cref="SecretBcrypt"/> is not.</summary>
    public byte[]? SecretSha256 { get; init; }

    /// <summary>A hash brought over from the earlier system, until it is accepted once.</summary>
    public string? SecretBcrypt { get; init; }

    /// <summary>Given by the database.</summary>
    public DateTimeOffset ValidFrom { get; private set; }

    public DateTimeOffset? ValidUntil { get; set; }

    /// <summary>256 random bits as 64 hex characters.</summary>
    public static string MakeSecret() => RandomNumberGenerator.GetHexString(64, lowercase: true);

    // 256 random bits cannot be guessed from their hash, so no slow password hash: a fleet that reconnects must not cost minutes of CPU.
    public static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    public static Credential For(Device device, Guid tenant, string secret) => new()
    {
        Id = Guid.CreateVersion7(),
        DeviceId = device.Id,
        TenantId = tenant,
        SecretSha256 = Hash(secret),
    };
}
