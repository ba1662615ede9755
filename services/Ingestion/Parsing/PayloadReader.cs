using System.Text.Json;
using System.Text.Unicode;

namespace EasySmart.Ingestion.Parsing;

/// <summary>How a payload is kept; the numbers are those of the column <c>form</c>.</summary>
internal enum PayloadForm : byte
{
    /// <summary>As it was sent, as jsonb.</summary>
    Json = 0,

    /// <summary><c>{"value": number}</c>.</summary>
    Value = 1,

    /// <summary><c>{"value": number, "ts": epoch milliseconds}</c>, the reading's own time.</summary>
    ValueAndTime = 2,
}

/// <summary>What a payload, or one part of it, says.</summary>
/// <param name="Form">How it is kept.</param>
/// <param name="Value">The number, that aggregates see: the payload's <c>value</c>, or the payload itself; NaN when neither is one that fits.</param>
/// <param name="Time">The reading's own time in microseconds since 1970; null when it names none.</param>
internal readonly record struct Payload(PayloadForm Form, double Value, long? Time);

/// <summary>
/// Reads a payload in one pass and without allocating. Whatever passes here, jsonb takes too: a row that it refused would fail the COPY
/// that carries other tenants' rows.
/// </summary>
internal static class PayloadReader
{
    public const int MaxBytes = 64 * 1024;
    public const int MaxDepth = 256;

    // Numbers come back written out; without a limit a few kilobytes of exponents would come back as gigabytes.
    private const int MaxWrittenNumbers = 1 << 18;

    // One more than is allowed, so that depth is told apart from other mistakes.
    private static readonly JsonReaderOptions Options = new() { MaxDepth = MaxDepth + 1 };

    private enum Field
    {
        Other,
        Value,
        Time,
    }

    /// <summary>Reads a payload.</summary>
    /// <param name="json">The payload, or one of its parts.</param>
    /// <param name="bounds">Which times are taken.</param>
    /// <param name="payload">What it says, when it is one reading.</param>
    /// <param name="parts">
    /// Where its readings are, when it is several: an array of objects that all have a <c>ts</c> and a <c>value</c>, of a device that was
    /// offline. Each is a payload to be read by itself. Any other array is one reading.
    /// </param>
    /// <returns>Null, or the reason to refuse it.</returns>
    public static string? Read(ReadOnlySpan<byte> json, TimeBounds bounds, out Payload payload, out List<Range>? parts)
    {
        (payload, parts) = (default, null);
        if (json.Length > MaxBytes)
        {
            return Rejections.TooLarge;
        }

        if (!Utf8.IsValid(json))
        {
            return Rejections.InvalidUtf8;
        }

        var reader = new Utf8JsonReader(json, Options);
        try
        {
            return Read(ref reader, bounds, out payload, out parts);
        }
        catch (JsonException)
        {
            return Rejections.BadJson;
        }
    }

    private static string? Read(ref Utf8JsonReader reader, TimeBounds bounds, out Payload payload, out List<Range>? parts)
    {
        (payload, parts) = (default, null);
        var (field, value, written, fields) = (Field.Other, double.NaN, 0, 0);
        // Whether the number and the time alone say all that was sent.
        var (numberIsAll, timeIsAll) = (false, false);
        long? time = null;
        reader.Read();
        var isObject = reader.TokenType == JsonTokenType.StartObject;
        var series = new SeriesSearch(reader.TokenType == JsonTokenType.StartArray);
        do
        {
            var ofRoot = isObject && reader.CurrentDepth == 1;
            series.See(ref reader);
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                    if (reader.ValueIsEscaped && !JsonText.IsStorable(reader.ValueSpan))
                    {
                        return Rejections.BadText;
                    }

                    if (ofRoot)
                    {
                        field = reader.ValueTextEquals("value"u8) ? Field.Value : reader.ValueTextEquals("ts"u8) ? Field.Time : Field.Other;
                        fields++;
                    }

                    continue;
                case JsonTokenType.StartObject or JsonTokenType.StartArray when reader.CurrentDepth >= MaxDepth:
                    return Rejections.TooDeep;
                case JsonTokenType.String when reader.ValueIsEscaped && !JsonText.IsStorable(reader.ValueSpan):
                    return Rejections.BadText;
                case JsonTokenType.Number:
                    var number = JsonNumber.Of(reader.ValueSpan);
                    if (!number.FitsNumeric || (written += number.Written) > MaxWrittenNumbers)
                    {
                        return Rejections.NumberOutOfRange;
                    }

                    if ((ofRoot && field == Field.Value) || reader.CurrentDepth == 0)
                    {
                        numberIsAll = reader.TryGetDouble(out value) && number.IsExactly(value, reader.ValueSpan);
                    }

                    break;
            }

            // A repeated name counts for the last time that it is given, as jsonb has it.
            if (ofRoot && field == Field.Value && reader.TokenType is not (JsonTokenType.Number or JsonTokenType.EndObject or JsonTokenType.EndArray))
            {
                value = double.NaN;
            }

            if (ofRoot && field == Field.Time && reader.TokenType is not (JsonTokenType.EndObject or JsonTokenType.EndArray))
            {
                time = null;
                if (reader.TokenType != JsonTokenType.Null)
                {
                    if (!ReadingTime.TryRead(ref reader, out var own, out timeIsAll))
                    {
                        return Rejections.BadTimestamp;
                    }

                    if (bounds.Refusal(own) is { } refusal)
                    {
                        return refusal;
                    }

                    time = own;
                }
            }
        }
        while (reader.Read());

        var form = !isObject || !numberIsAll ? PayloadForm.Json
            : fields == 1 ? PayloadForm.Value
            : fields == 2 && time is not null && timeIsAll ? PayloadForm.ValueAndTime
            : PayloadForm.Json;
        parts = series.Parts;
        payload = new Payload(form, double.IsFinite(value) ? value : double.NaN, time);
        return null;
    }
}
