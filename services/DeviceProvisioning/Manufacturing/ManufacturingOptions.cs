using System.ComponentModel.DataAnnotations;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>Section <c>Manufacturing</c>: the keys that devices' own keys are derived from, and how a device gets its secret.</summary>
public sealed record ManufacturingOptions : IValidatableObject
{
    private const int MinKeyLength = 32;
    private const int MaxIdLength = 32;

    /// <summary>The id of the master key for devices that are imported from now on.</summary>
    [Required(ErrorMessage = "Manufacturing:CurrentKey is not configured")]
    public string CurrentKey { get; init; } = "";

    /// <summary>
    /// Master keys by id; a key's UTF-8 bytes are what is computed with. One is kept for as long as there are devices that were imported
    /// with it.
    /// </summary>
    public Dictionary<string, string> MasterKeys { get; init; } = [];

    /// <summary>How long after a claim the device may fetch its secret.</summary>
    public TimeSpan DeliveryWindow { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Whether an active device that signs with its own key gets a new secret whenever it asks, the old one dying: for firmware that does not
    /// keep its secret over a reboot.
    /// </summary>
    public bool RedeliverToActive { get; init; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (CurrentKey.Length > 0 && !MasterKeys.Keys.Contains(CurrentKey, StringComparer.OrdinalIgnoreCase))
        {
            yield return new($"Manufacturing:MasterKeys:{CurrentKey} is not configured, and Manufacturing:CurrentKey names it");
        }

        foreach (var (id, key) in MasterKeys)
        {
            if (id.Length > MaxIdLength || id.Any(c => c is <= ' ' or > '~'))
            {
                yield return new($"Manufacturing:MasterKeys:{id} needs an id of 1 to {MaxIdLength} visible ASCII characters");
            }
            else if (key.Length < MinKeyLength)
            {
                yield return new($"Manufacturing:MasterKeys:{id} is shorter than {MinKeyLength} characters");
            }
        }

        if (DeliveryWindow <= TimeSpan.Zero || DeliveryWindow > TimeSpan.FromDays(30))
        {
            yield return new("Manufacturing:DeliveryWindow is longer than nothing and at most 30 days");
        }
    }
}
