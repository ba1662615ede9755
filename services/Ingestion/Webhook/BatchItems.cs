using System.Text.Json;
using EasySmart.Ingestion.Parsing;
using EasySmart.ServiceDefaults.Errors;

namespace EasySmart.Ingestion.Webhook;

/// <summary>Finds the readings in the body of a request that brings many, without looking at what they say.</summary>
internal static class BatchItems
{
    public const int Most = 10_000;

    // The array, and what RequestReader allows for each item.
    private static readonly JsonReaderOptions Options = new() { MaxDepth = PayloadReader.MaxDepth + 4 };

    /// <summary>The items of a JSON array, each with the place where it stands.</summary>
    /// <returns>Null, or what is wrong with all of it.</returns>
    public static ProblemResult? TryReadArray(ReadOnlyMemory<byte> body, out List<ReadOnlyMemory<byte>> items)
    {
        items = [];
        var reader = new Utf8JsonReader(body.Span, Options);
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray)
            {
                return Problem.BadRequest("The body is not a JSON array");
            }

            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                items.Add(body[start..(int)reader.BytesConsumed]);
            }

            // Throws when something comes after the array.
            reader.Read();
        }
        catch (JsonException)
        {
            return Problem.BadRequest("The body is not valid JSON; nothing of it is stored");
        }

        return Count(items);
    }

    /// <summary>The lines of newline-delimited JSON, less the blank ones.</summary>
    /// <returns>Null, or what is wrong with all of it.</returns>
    public static ProblemResult? TryReadLines(ReadOnlyMemory<byte> body, out List<ReadOnlyMemory<byte>> items)
    {
        items = [];
        foreach (var line in body.Span.Split((byte)'\n'))
        {
            if (!body.Span[line].Trim(" \t\r"u8).IsEmpty)
            {
                items.Add(body[line]);
            }
        }

        return Count(items);
    }

    private static ProblemResult? Count(List<ReadOnlyMemory<byte>> items) => items.Count switch
    {
        0 => Problem.BadRequest("The body has no readings"),
        > Most => new ProblemResult(413, $"More than {Most} readings; send them in several requests"),
        _ => null,
    };
}
