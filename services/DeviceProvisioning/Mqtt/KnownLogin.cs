using EasySmart.Contracts.DeviceProvisioning;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>A device that may log in, as the database had it.</summary>
/// <param name="Label">Its user name besides its id.</param>
/// <param name="Secrets">What passes by its SHA-256 and was valid already; anything else is the database's to judge.</param>
public sealed record KnownLogin(Guid DeviceId, Guid TenantId, string? Label, DeviceStatus Status, KnownSecret[] Secrets);

/// <summary>One secret of a device.</summary>
public sealed record KnownSecret(Guid CredentialId, byte[] Sha256, DateTimeOffset? ValidUntil);
