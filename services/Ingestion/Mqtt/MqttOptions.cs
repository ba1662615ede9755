using System.ComponentModel.DataAnnotations;

namespace EasySmart.Ingestion.Mqtt;

/// <summary>Section <c>Mqtt</c>: the broker, and the session that this instance has there.</summary>
public sealed record MqttOptions
{
    /// <summary>The broker's host.</summary>
    [Required(ErrorMessage = "Mqtt:Host is not configured")]
    public string Host { get; init; } = "";

    /// <summary>The broker's port.</summary>
    [Range(1, 65535, ErrorMessage = "Mqtt:Port must be {1} to {2}")]
    public int Port { get; init; } = 1883;

    /// <summary>A service account of the broker.</summary>
    [Required(ErrorMessage = "Mqtt:Username is not configured")]
    public string Username { get; init; } = "";

    /// <summary>Its password.</summary>
    [Required(ErrorMessage = "Mqtt:Password is not configured")]
    public string Password { get; init; } = "";

    /// <summary>Names the session. Each instance has its own and keeps it, or what the broker holds for it is lost.</summary>
    [Required(ErrorMessage = "Mqtt:ClientId is not configured")]
    public string ClientId { get; init; } = "";

    /// <summary>Whether it asks for telemetry. False where the broker sends that to the webhook; device notices go through the session still.</summary>
    public bool Subscribe { get; init; } = true;

    /// <summary>Whether the broker shares the messages among instances.</summary>
    public bool SharedSubscription { get; init; }

    /// <summary>How many messages the broker may have on the way to us: two batches, so that one fills while the other is written.</summary>
    [Range(10, 65_535, ErrorMessage = "Mqtt:ReceiveMaximum must be {1} to {2}")]
    public int ReceiveMaximum { get; init; } = 8000;

    /// <summary>How long the broker holds messages for an instance that is away.</summary>
    [Range(1, 365, ErrorMessage = "Mqtt:SessionExpiryDays must be {1} to {2}")]
    public int SessionExpiryDays { get; init; } = 7;

    /// <summary>Both sides notice within one and a half of it that the other is gone.</summary>
    [Range(2, 600, ErrorMessage = "Mqtt:KeepAliveSeconds must be {1} to {2}")]
    public int KeepAliveSeconds { get; init; } = 30;
}
