using System.ComponentModel.DataAnnotations;

namespace EasySmart.DeviceProvisioning.Sessions;

/// <summary>Section <c>BrokerApi</c>: the broker's management API.</summary>
public sealed record BrokerApiOptions : IValidatableObject
{
    /// <summary>http://host:port</summary>
    [Required(ErrorMessage = "BrokerApi:Url is not configured")]
    public string Url { get; init; } = "";

    [Required(ErrorMessage = "BrokerApi:Key is not configured")]
    public string Key { get; init; } = "";

    /// <summary>Has no default.</summary>
    [Required(ErrorMessage = "BrokerApi:Secret is not configured")]
    public string Secret { get; init; } = "";

    /// <summary>How often what is known of sessions is compared with the broker's list.</summary>
    public TimeSpan ReconcileEvery { get; init; } = TimeSpan.FromMinutes(1);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!Uri.TryCreate(Url, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
        {
            yield return new("BrokerApi:Url must be an http or https URL");
        }

        if (ReconcileEvery < TimeSpan.FromSeconds(1))
        {
            yield return new("BrokerApi:ReconcileEvery must be at least a second");
        }
    }
}
