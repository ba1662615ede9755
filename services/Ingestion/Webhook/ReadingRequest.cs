using System.Text.Json;

namespace EasySmart.Ingestion.Webhook;

/// <summary>A reading as the broker's webhook, or a program, sends it. Other fields are ignored; a name given twice, anywhere, is refused.</summary>
/// <remarks>Describes the body in the API document; <see cref="RequestReader"/> reads it.</remarks>
public sealed record ReadingRequest
{
    /// <summary>The MQTT client that published it.</summary>
    /// <example>pump-7</example>
    public string? Clientid { get; init; }

    /// <summary>
    /// <c>tenants/{tenant_id}/devices/{device_id}/telemetry/slot/{n}</c>, n from 0 to 32767. Back-slashes in it are ignored.
    /// </summary>
    /// <example>tenants/019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f71/devices/019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70/telemetry/slot/0</example>
    public required string Topic { get; init; }

    /// <summary>
    /// Any JSON, up to 64 KiB: one reading, with its own time if it is an object with <c>ts</c> (epoch milliseconds or RFC 3339); or an array of
    /// objects that all have <c>ts</c> and <c>value</c>: many readings.
    /// </summary>
    /// <example>{"value": 23.5}</example>
    public required JsonElement Payload { get; init; }

    /// <summary>How <c>payload</c> holds the JSON: absent, as it is; <c>text</c>, as text; <c>base64</c>, as Base64 of its UTF-8.</summary>
    /// <example>text</example>
    public string? PayloadEncoding { get; init; }

    /// <summary>
    /// When the broker got it: epoch milliseconds as text or number, or RFC 3339. The time of a reading without <c>ts</c>; now when absent. With
    /// one of the two the same request may be sent again and is stored once.
    /// </summary>
    /// <example>1771156800000</example>
    public JsonElement? Timestamp { get; init; }

    /// <summary>What the broker knows of the client.</summary>
    public SenderAttributes? ClientAttrs { get; init; }
}

/// <summary>What the broker knows of the client that published a reading.</summary>
public sealed record SenderAttributes
{
    /// <summary>Its device; refused when the topic names another one.</summary>
    public string? DeviceId { get; init; }
}
