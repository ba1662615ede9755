using System.Buffers;
using System.Text;
using System.Text.Json;

namespace EasySmart.DeviceProvisioning.Commands;

/// <summary>JSON that passes through: from a tenant to its device, and back.</summary>
public static class CommandJson
{
    /// <summary>Most bytes of a command's payload, and of its answer.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>The element as it came; null for JSON that nobody could be told, such as a string with half a surrogate pair.</summary>
    public static string? Text(JsonElement element)
    {
        try
        {
            JsonSerializer.SerializeToUtf8Bytes(element);
            return element.GetRawText();
        }
        catch (JsonException)
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
