using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace EasySmart.DeviceProvisioning.Commands;

/// <summary>JSON that passes through: from a tenant to its device, and back.</summary>
public static class CommandJson
{
    /// <summary>Most bytes of a command's payload, and of its answer.</summary>
    public const int MaxBytes = 64 * 1024;

    // Not in HTML: a letter stays a letter, or the limit would depend on the alphabet.
    private static readonly JsonSerializerOptions s_asItIs = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The element as text; null for one that cannot be written again, such as a string with half a surrogate pair.</summary>
    public static string? TryWrite(JsonElement element)
    {
        try
        {
            return JsonSerializer.Serialize(element, s_asItIs);
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>What the device is sent.</summary>
    public static byte[] Message(Guid id, string name, string? payload, DateTimeOffset createdAt, DateTimeOffset expiresAt)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("id", id);
            json.WriteString("name", name);
            json.WritePropertyName("payload");
            json.WriteRawValue(payload ?? "null");
            json.WriteString("created_at", createdAt.UtcDateTime);
            json.WriteString("expires_at", expiresAt.UtcDateTime);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Length as it travels.</summary>
    public static int BytesOf(string json) => Encoding.UTF8.GetByteCount(json);
}
