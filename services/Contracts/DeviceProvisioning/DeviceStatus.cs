using System.Text.Json.Serialization;

namespace EasySmart.Contracts.DeviceProvisioning;

/// <summary>Where a device is in its life. Claimed and active devices may connect and publish.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DeviceStatus>))]
public enum DeviceStatus
{
    /// <summary>Made, and no tenant's yet.</summary>
    [JsonStringEnumMemberName("unclaimed")] Unclaimed,

    /// <summary>A tenant's, and not seen yet.</summary>
    [JsonStringEnumMemberName("claimed")] Claimed,

    /// <summary>Has connected or sent a reading.</summary>
    [JsonStringEnumMemberName("active")] Active,

    /// <summary>Shut out by its tenant for a while.</summary>
    [JsonStringEnumMemberName("suspended")] Suspended,

    /// <summary>Shut out for good.</summary>
    [JsonStringEnumMemberName("revoked")] Revoked,
}
