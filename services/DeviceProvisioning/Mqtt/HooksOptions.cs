using System.ComponentModel.DataAnnotations;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>Section <c>Hooks</c>: how the broker proves that it is the broker.</summary>
public sealed record HooksOptions
{
    /// <summary>At least 32 characters; has no default.</summary>
    [Required(ErrorMessage = "Hooks:Key is not configured")]
    [MinLength(32, ErrorMessage = "Hooks:Key is shorter than 32 characters")]
    public string Key { get; init; } = "";
}
