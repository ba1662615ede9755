using EasySmart.Contracts.DeviceProvisioning;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>How a device's login ended.</summary>
/// <param name="Refusal">Why it was refused, in a word; null when it was not.</param>
/// <param name="DeviceId">The device.</param>
/// <param name="TenantId">Its tenant; never null when the login was not refused.</param>
/// <param name="Status">Its status.</param>
/// <param name="CredentialId">The secret that matched; never null when the login was not refused.</param>
/// <param name="ValidUntil">Until when that secret passes; null for ever.</param>
public sealed record DeviceLogin(
    string? Refusal, Guid DeviceId, Guid? TenantId, DeviceStatus Status, Guid? CredentialId = null, DateTimeOffset? ValidUntil = null)
{
    public const string Unknown = "unknown";
    public const string WrongSecret = "wrong_secret";
    public const string ClientId = "client_id";
    public const string Slowed = "slowed";

    /// <summary>Nobody could say within the budget: no decision at all.</summary>
    public const string Timeout = "timeout";

    public static DeviceLogin Refused(string why) => new(why, default, null, default);
}
