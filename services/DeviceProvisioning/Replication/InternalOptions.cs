using System.ComponentModel.DataAnnotations;

namespace EasySmart.DeviceProvisioning.Replication;

/// <summary>Section <c>Internal</c>: what services of the fleet show each other.</summary>
public sealed record InternalOptions
{
    /// <summary>At least 32 characters; has no default.</summary>
    [Required(ErrorMessage = "Internal:ServiceKey is not configured")]
    [MinLength(32, ErrorMessage = "Internal:ServiceKey is shorter than 32 characters")]
    public string ServiceKey { get; init; } = "";
}
