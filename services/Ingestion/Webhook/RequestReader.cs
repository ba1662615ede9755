using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using EasySmart.Ingestion.Parsing;
using EasySmart.ServiceDefaults.Errors;

namespace EasySmart.Ingestion.Webhook;

/// <summary>What a request says, before anybody looks whether it is true.</summary>
/// <param name="Topic">The topic, without back-slashes.</param>
/// <param name="Payload">The payload's JSON, as it was sent: a part of the body where it needs no decoding.</param>
/// <param name="SentAt">When the broker got it, microseconds since 1970.</param>
/// <param name="Sender">The device that sent it, as the broker says; <see cref="Guid.Empty"/> when it says something that is no device.</param>
internal readonly record struct ReadRequest(string Topic, ReadOnlyMemory<byte> Payload, long? SentAt, Guid? Sender);

/// <summary>Reads a <see cref="ReadingRequest"/> without a model in between, which would write the payload anew.</summary>
internal static class RequestReader
{
    // Two levels more than a payload may have, so that its depth is told apart from the body's. A device whose payload is put into a template
    // unescaped could name a second topic; so no name is taken twice.
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = PayloadReader.MaxDepth + 2 };

    /// <summary>Reads the body of a request, or an item of one.</summary>
    /// <returns>Null, or why it cannot be read.</returns>
    public static ProblemResult? TryRead(ReadOnlyMemory<byte> json, out ReadRequest request)
    {
        request = default;
        if (!Utf8.IsValid(json.Span))
        {
            return Problem.BadRequest("This is not UTF-8");
        }

        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? Read(document.RootElement, json, out request)
                : Problem.BadRequest("This is not a JSON object");
        }
        catch (JsonException)
        {
            return Problem.BadRequest("This is not valid JSON, or names a property twice");
        }
        catch (InvalidOperationException)
        {
            return Problem.BadRequest("A text has half of a surrogate pair");
        }
    }

    private static ProblemResult? Read(JsonElement body, ReadOnlyMemory<byte> json, out ReadRequest request)
    {
        request = default;
        var (topic, payload, encoding, timestamp, attributes) = (default(JsonElement), default(JsonElement), default(JsonElement), default(JsonElement), default(JsonElement));
        foreach (var property in body.EnumerateObject())
        {
            if (property.NameEquals("topic"u8))
            {
                topic = property.Value;
            }
            else if (property.NameEquals("payload"u8))
            {
                payload = property.Value;
            }
            else if (property.NameEquals("payload_encoding"u8))
            {
                encoding = property.Value;
            }
            else if (property.NameEquals("timestamp"u8))
            {
                timestamp = property.Value;
            }
            else if (property.NameEquals("client_attrs"u8))
            {
                attributes = property.Value;
            }
            else if (property.NameEquals("clientid"u8) && property.Value.ValueKind is not (JsonValueKind.String or JsonValueKind.Null))
            {
                return Problem.BadRequest("clientid", "clientid is not a text");
            }
        }

        if (topic.ValueKind != JsonValueKind.String)
        {
            return Problem.BadRequest("topic", "A topic is needed");
        }

        if (payload.ValueKind == JsonValueKind.Undefined)
        {
            return Problem.BadRequest("payload", "A payload is needed");
        }

        if (TryDecode(payload, encoding, json, out var decoded) is { } undecodable)
        {
            return undecodable;
        }

        if (!TryReadTime(timestamp, out var sentAt))
        {
            return Problem.BadRequest("timestamp", "timestamp is neither epoch milliseconds nor an RFC 3339 time");
        }

        if (!TryReadSender(attributes, out var sender))
        {
            return Problem.BadRequest("client_attrs", "client_attrs is not an object, or its device_id is not a text");
        }

        request = new ReadRequest(topic.GetString()!.Replace("\\", "", StringComparison.Ordinal), decoded, sentAt, sender);
        return null;
    }

    private static ProblemResult? TryDecode(JsonElement payload, JsonElement encoding, ReadOnlyMemory<byte> json, out ReadOnlyMemory<byte> decoded)
    {
        decoded = default;
        if (encoding.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            var sent = JsonMarshal.GetRawUtf8Value(payload);
            json.Span.Overlaps(sent, out var at);
            decoded = json.Slice(at, sent.Length);
            return null;
        }

        var isText = encoding.ValueKind == JsonValueKind.String && encoding.ValueEquals("text"u8);
        if (!isText && !(encoding.ValueKind == JsonValueKind.String && encoding.ValueEquals("base64"u8)))
        {
            return Problem.BadRequest("payload_encoding", "payload_encoding is text or base64, or is left out");
        }

        if (payload.ValueKind != JsonValueKind.String)
        {
            return Problem.BadRequest("payload", "The payload is not a text, as its payload_encoding says");
        }

        if (isText)
        {
            decoded = Encoding.UTF8.GetBytes(payload.GetString()!);
        }
        else if (payload.TryGetBytesFromBase64(out var bytes))
        {
            decoded = bytes;
        }
        else
        {
            return Problem.BadRequest("payload", "The payload is not Base64");
        }

        return null;
    }

    private static bool TryReadTime(JsonElement timestamp, out long? time)
    {
        time = null;
        if (timestamp.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return true;
        }

        var reader = new Utf8JsonReader(JsonMarshal.GetRawUtf8Value(timestamp));
        var isTime = reader.Read() & ReadingTime.TryRead(ref reader, out var micros, out _);
        time = micros;
        return isTime;
    }

    private static bool TryReadSender(JsonElement attributes, out Guid? sender)
    {
        sender = null;
        if (attributes.ValueKind != JsonValueKind.Object)
        {
            return attributes.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null;
        }

        if (!attributes.TryGetProperty("device_id"u8, out var id) || id.ValueKind == JsonValueKind.Null)
        {
            return true;
        }

        sender = id.ValueKind == JsonValueKind.String && Guid.TryParseExact(id.GetString(), "D", out var device) ? device : Guid.Empty;
        return id.ValueKind == JsonValueKind.String;
    }
}
