using System.ComponentModel.DataAnnotations;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>Section <c>Mqtt</c>: what devices are told about the broker, and who else may log in to it.</summary>
public sealed record MqttOptions : IValidatableObject
{
    private const int MinPasswordLength = 16;
    private static readonly TimeSpan LongestTrust = TimeSpan.FromDays(1);

    /// <summary>host:port</summary>
    [Required(ErrorMessage = "Mqtt:Broker is not configured")]
    public string Broker { get; init; } = "";

    /// <summary>mqtt://host:port</summary>
    [Required(ErrorMessage = "Mqtt:BrokerUrl is not configured")]
    public string BrokerUrl { get; init; } = "";

    /// <summary>ws://host:port/mqtt</summary>
    [Required(ErrorMessage = "Mqtt:WebSocketUrl is not configured")]
    public string WebSocketUrl { get; init; } = "";

    /// <summary>Host of the broker as this service reaches it.</summary>
    [Required(ErrorMessage = "Mqtt:Host is not configured")]
    public string Host { get; init; } = "";

    /// <summary>Its MQTT port.</summary>
    [Range(1, 65535, ErrorMessage = "Mqtt:Port must be {1} to {2}")]
    public int Port { get; init; } = 1883;

    /// <summary>Names this service's own session. Each instance has its own and keeps it, or what the broker holds for it is lost.</summary>
    [Required(ErrorMessage = "Mqtt:ClientId is not configured")]
    [RegularExpression("^service/.+$", ErrorMessage = "Mqtt:ClientId must begin with service/")]
    public string ClientId { get; init; } = "service/device-provisioning-1";

    /// <summary>Whether the broker shares devices' messages among instances.</summary>
    public bool SharedSubscription { get; init; } = true;

    /// <summary>How long the broker holds messages for an instance that is away.</summary>
    [Range(1, 365, ErrorMessage = "Mqtt:SessionExpiryDays must be {1} to {2}")]
    public int SessionExpiryDays { get; init; } = 7;

    /// <summary>Passwords by name; the MQTT user name is <c>service/{name}</c>.</summary>
    public Dictionary<string, string> ServiceAccounts { get; init; } = [];

    /// <summary>How long a login may take. Beyond it the broker is told to refuse: devices that wait would pile up behind a slow database.</summary>
    public TimeSpan LoginBudget { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long devices get in from memory while the database cannot be heard. Nothing changes in one that is down.</summary>
    public TimeSpan TrustMemoryFor { get; init; } = TimeSpan.FromMinutes(5);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var name in AccessList.Services.Keys.Where(name => !ServiceAccounts.ContainsKey(name)))
        {
            yield return new($"Mqtt:ServiceAccounts:{name} is not configured");
        }

        foreach (var (name, password) in ServiceAccounts)
        {
            if (!AccessList.Services.ContainsKey(name))
            {
                yield return new($"Mqtt:ServiceAccounts:{name} is not a service that may log in");
            }
            else if (password.Length < MinPasswordLength)
            {
                yield return new($"Mqtt:ServiceAccounts:{name} is shorter than {MinPasswordLength} characters");
            }
        }

        if (LoginBudget <= TimeSpan.Zero)
        {
            yield return new("Mqtt:LoginBudget must be longer than nothing");
        }

        if (TrustMemoryFor < TimeSpan.Zero || TrustMemoryFor > LongestTrust)
        {
            yield return new($"Mqtt:TrustMemoryFor must be 00:00:00 to {LongestTrust}");
        }
    }
}
