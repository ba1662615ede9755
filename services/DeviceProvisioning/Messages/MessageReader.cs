using System.Text;
using System.Text.Json;
using EasySmart.DeviceProvisioning.Commands;

namespace EasySmart.DeviceProvisioning.Messages;

/// <summary>Reads what devices say: <c>topic + bytes → message</c>.</summary>
public static class MessageReader
{
    private const int MaxStatusBytes = 4 * 1024;
    private const int MaxFirmwareLength = 100;
    private const int MaxErrorLength = 1000;
    private static readonly UTF8Encoding s_strict = new(false, throwOnInvalidBytes: true);
    private static readonly JsonDocumentOptions s_json = new() { AllowDuplicateProperties = false };

    /// <summary>Reads a message.</summary>
    /// <param name="topic">Its topic.</param>
    /// <param name="payload">Its payload.</param>
    /// <param name="replayed">Whether the broker had kept it.</param>
    /// <param name="at">When it came.</param>
    /// <param name="fault">What is wrong with it, in a word.</param>
    /// <returns>Null for what cannot be understood.</returns>
    public static DeviceMessage? Read(string topic, byte[] payload, bool replayed, DateTimeOffset at, out string fault)
    {
        fault = "topic";
        var parts = topic.Split('/');
        if (parts is not ["tenants", var tenantText, "devices", var deviceText, ..]
            || !Guid.TryParse(tenantText, out var tenant) || !Guid.TryParse(deviceText, out var device))
        {
            return null;
        }

        switch (parts[4..])
        {
            case ["status"] when payload.Length > MaxStatusBytes:
            case ["events", "commands", _] when payload.Length > CommandJson.MaxBytes:
                fault = "too_large";
                return null;
            case ["status"]:
                fault = "garbage";
                return Understand(payload, text => ReadStatus(text.Trim())) is var (status, firmware)
                    ? new StatusReport(tenant, device, at, status, firmware, replayed)
                    : null;
            case ["events", "commands", var idText] when Guid.TryParse(idText, out var id):
                fault = "garbage";
                return Understand(payload, ReadAnswer) is var (done, result, error)
                    ? new CommandAnswer(tenant, device, at, id, done, result, error)
                    : null;
            default:
                return null;
        }
    }

    private static (string Status, string? Firmware)? ReadStatus(string text)
    {
        if (IsStatus(text))
        {
            return (text, null);
        }

        var json = JsonElement.Parse(text, s_json);
        if (json.ValueKind == JsonValueKind.String && String(json) is { } said && IsStatus(said))
        {
            return (said, null);
        }

        return json.ValueKind == JsonValueKind.Object && Property(json, "status") is { } status && IsStatus(status)
            && (!json.TryGetProperty("firmware_version", out var version) || IsFirmware(version))
            ? (status, Property(json, "firmware_version"))
            : null;
    }

    private static (bool Done, string? Result, string? Error)? ReadAnswer(string text)
    {
        var json = JsonElement.Parse(text, s_json);
        if (json.ValueKind != JsonValueKind.Object || Property(json, "status") is not ("ok" or "failed"))
        {
            return null;
        }

        // A result that cannot be told leaves an answer all the same.
        var result = json.TryGetProperty("result", out var given) && given.ValueKind != JsonValueKind.Null ? CommandJson.Text(given) : null;
        // PostgreSQL has no NUL in text.
        var error = Property(json, "error")?.Replace("\0", "", StringComparison.Ordinal);
        return (Property(json, "status") == "ok", result, error?.Length > MaxErrorLength ? Cut(error) : error);
    }

    // Not through the middle of a surrogate pair.
    private static string Cut(string text) => text[..(char.IsHighSurrogate(text[MaxErrorLength - 1]) ? MaxErrorLength - 1 : MaxErrorLength)];

    private static bool IsStatus(string text) => text is "online" or "offline";

    private static bool IsFirmware(JsonElement version) => version.ValueKind == JsonValueKind.Null
        || (String(version) is { Length: > 0 and <= MaxFirmwareLength } text && !text.Any(char.IsControl));

    private static string? Property(JsonElement json, string name) => json.TryGetProperty(name, out var value) ? String(value) : null;

    private static string? String(JsonElement json) => json.ValueKind == JsonValueKind.String ? json.GetString() : null;

    // Bytes that are no text, text that is no JSON, and strings in it with half a surrogate pair.
    private static T? Understand<T>(byte[] payload, Func<string, T?> read) where T : struct
    {
        try
        {
            return read(s_strict.GetString(payload));
        }
        catch (Exception exception) when (exception is DecoderFallbackException or JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
