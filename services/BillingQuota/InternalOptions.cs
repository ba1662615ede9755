using System.ComponentModel.DataAnnotations;

namespace EasySmart.BillingQuota;

/// <summary>Section <c>Internal</c>: what sister services prove themselves with. Checked at start, so that a missing key is not found out as 401s.</summary>
internal sealed record InternalOptions
{
    public const string Section = "Internal";
    public const string KeySetting = "Internal:ServiceKey";

    [Required(ErrorMessage = $"{KeySetting} is not configured")]
    [MinLength(32, ErrorMessage = $"{KeySetting} is shorter than 32 characters")]
    public string ServiceKey { get; init; } = "";
}
