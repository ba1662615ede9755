using System.ComponentModel.DataAnnotations;
using System.Text.Json;

namespace EasySmart.Ingestion.Webhook;

/// <summary>
/// A reading as the broker's webhook, or a program, sends it. Other fields are ignored; a name that is given twice, anywhere in it, is refused.
/// </summary>
/// <remarks>Describes the body in the API document; <see cref="RequestReader"/> reads it.</remarks>
/// <param name="Topic">
/// <c>tenants/{tenant_id}/devices/{device_id}/telemetry/slot/{n}</c>, n from 0 to 32767. Back-slashes in it are ignored.
/// <example>tenants/019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f71/devices/019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70/telemetry/slot/0</example>
/// </param>
/// <param name="Payload">
/// Any JSON, up to 64 KiB: one reading, with a time of its own if it is an object with <c>ts</c> (epoch milliseconds or RFC 3339); or an array
/// of objects that all have <c>ts</c> and <c>value</c>, which is many readings. <example>{"value": 23.5}</example>
/// </param>
/// <param name="Timestamp">
/// When the broker got it: epoch milliseconds as text or number, or RFC 3339. The time of a reading without <c>ts</c>; now when absent. With
/// one of the two the same request may be sent again, and is stored once. <example>1771156800000</example>
/// </param>
/// <param name="PayloadEncoding">How <c>payload</c> holds the JSON; as it is, when absent.</param>
/// <param name="Clientid">The MQTT client that published it. <example>pump-7</example></param>
/// <param name="ClientAttrs">What the broker knows of that client.</param>
public sealed record ReadingRequest(
    string Topic,
    [property: Required] JsonElement? Payload = null,
    JsonElement? Timestamp = null,
    PayloadEncoding? PayloadEncoding = null,
    string? Clientid = null,
    SenderAttributes? ClientAttrs = null);

/// <summary>What the broker knows of the client that published a reading.</summary>
/// <param name="DeviceId">Its device. A topic of another one is refused.</param>
public sealed record SenderAttributes(Guid? DeviceId = null);

/// <summary>How a text holds a payload: <c>text</c>, as it is; <c>base64</c>, as Base64 of its UTF-8.</summary>
public enum PayloadEncoding
{
    /// <summary>As it is.</summary>
    Text,

    /// <summary>As Base64 of its UTF-8.</summary>
    Base64,
}
