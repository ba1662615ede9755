using System.Text.Json;
using System.Text.Json.Serialization;

namespace EasySmart.TelemetryQuery.Values;

/// <summary>JSON that PostgreSQL printed, handed on as it stands: through a number type of ours a large or exact number would change.</summary>
/// <param name="Text">The JSON text.</param>
[JsonConverter(typeof(Converter))]
public readonly record struct SentJson(string Text)
{
    private sealed class Converter : JsonConverter<SentJson>
    {
        public override SentJson Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            using var document = JsonDocument.ParseValue(ref reader);
            return new SentJson(document.RootElement.GetRawText());
        }

        public override void Write(Utf8JsonWriter writer, SentJson value, JsonSerializerOptions options) =>
            writer.WriteRawValue(value.Text, skipInputValidation: true);
    }
}
