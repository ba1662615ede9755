using System.Globalization;
using System.Text.RegularExpressions;
using EasySmart.ServiceDefaults.Errors;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>What a device that is not known yet says of itself, signed with its own key.</summary>
/// <param name="DeviceId">Its id, where it has been told one; may be empty. <example>019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70</example></param>
/// <param name="HardwareId">
/// What the factory burnt into it; it then signs with the key for this, and its id does not matter. <example>ES-00A1B2C3</example>
/// </param>
/// <param name="Timestamp">Its time in RFC 3339, at most 300 s away from ours. <example>2026-02-15T00:00:00Z</example></param>
/// <param name="Signature">
/// Lower-case hex of HMAC-SHA256(its key, <c>{identity}:{timestamp}</c>), the identity being the hardware id where sent, else the device id.
/// Of <c>{identity}:{timestamp}:rotate</c> where it gives itself another secret.
/// <example>5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592</example>
/// </param>
public record SignedRequest(string? DeviceId = null, string? HardwareId = null, string? Timestamp = null, string? Signature = null)
{
    /// <summary>What is asked for and when, as far as it can be read; or what is wrong with it.</summary>
    internal (SignedText? Text, ProblemResult? Fault) Read()
    {
        var faults = new Dictionary<string, string[]>();
        var hardware = string.IsNullOrEmpty(HardwareId) ? null : HardwareId;
        Guid? device = null;
        if (hardware is not null)
        {
            Check(Manufacturing.HardwareId.IsValid(hardware), "hardware_id", Manufacturing.HardwareId.Rule);
        }
        else if (string.IsNullOrEmpty(DeviceId))
        {
            Check(false, "device_id", "device_id or hardware_id is needed");
        }
        else
        {
            Check(Guid.TryParseExact(DeviceId, "D", out var id), "device_id", "Must be a UUID");
            device = id;
        }

        Check(SignedText.TryReadTime(Timestamp, out var at), "timestamp", "Must be a time in RFC 3339, such as 2026-02-15T00:00:00Z");
        Check(!string.IsNullOrEmpty(Signature), "signature", "Is needed");
        return faults.Count > 0
            ? (null, new ProblemResult(400, "The input is not valid", faults))
            : (new SignedText(hardware, device, hardware ?? DeviceId!, Timestamp!, at, Signature!), null);

        void Check(bool right, string field, string rule)
        {
            if (!right)
            {
                faults[field] = [rule];
            }
        }
    }
}

/// <summary>A signed request that could be read.</summary>
/// <param name="HardwareId">The identity, or</param>
/// <param name="DeviceId">the identity.</param>
/// <param name="Spelling">The identity as the device spelt and signed it.</param>
/// <param name="Timestamp">Its time as it spelt and signed it.</param>
/// <param name="At">Its time.</param>
/// <param name="Signature">What is to be checked.</param>
public sealed partial record SignedText(string? HardwareId, Guid? DeviceId, string Spelling, string Timestamp, DateTimeOffset At, string Signature)
{
    /// <summary>How far a device's clock may be from ours, either way.</summary>
    public static readonly TimeSpan MaxSkew = TimeSpan.FromSeconds(300);

    /// <summary>The identity that the device's key is derived from.</summary>
    public string Identity => HardwareId ?? DeviceId!.Value.ToString();

    /// <summary>What was signed, for one of the calls or (where the call gives it no name) for any.</summary>
    public string TextFor(string? purpose) => purpose is null ? $"{Spelling}:{Timestamp}" : $"{Spelling}:{Timestamp}:{purpose}";

    public bool IsTimely(DateTimeOffset now) => (now - At).Duration() <= MaxSkew;

    // As DateTimeOffset reads it, but in no other form, and with its offset: "12:00" would be today, and without an offset anybody's noon.
    public static bool TryReadTime(string? text, out DateTimeOffset at)
    {
        at = default;
        return text is not null && Rfc3339().IsMatch(text)
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal, out at);
    }

    [GeneratedRegex(@"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})\z")]
    private static partial Regex Rfc3339();
}
