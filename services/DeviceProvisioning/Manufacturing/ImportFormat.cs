using System.Globalization;
using System.Text.Json;
using CsvHelper;
using CsvHelper.Configuration;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>How the lines of an import are written: as JSON objects, or as CSV below a header row that names the columns.</summary>
public sealed class ImportFormat
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 2 };
    private static readonly CsvConfiguration Rules = new(CultureInfo.InvariantCulture) { TrimOptions = TrimOptions.Trim, BufferSize = 1024 };
    private readonly string[]? _columns;

    private ImportFormat(string[]? columns) => _columns = columns;

    public static ImportFormat JsonLines { get; } = new(null);

    /// <summary>CSV with this header row; or what is wrong with it.</summary>
    public static (ImportFormat? Csv, string? Fault) Csv(InputLine? header)
    {
        if (header?.Text is not { } text || Split(text) is not { } cells)
        {
            return (null, header?.Fault ?? "A header row that names the columns is needed");
        }

        var columns = Array.ConvertAll(cells, cell => cell.ToLowerInvariant());
        var unknown = columns.FirstOrDefault(column => !ImportedDevice.Fields.Contains(column));
        return unknown is not null ? (null, $"The header row names a column that there is not: {Shown(unknown)}")
            : columns.Distinct().Count() < columns.Length ? (null, "The header row names a column twice")
            : !columns.Contains("hardware_id") && !columns.Contains("device_id") ? (null, "The header row has no column hardware_id")
            : (new ImportFormat(columns), null);
    }

    /// <summary>The fields of a line, less the empty ones; or what is wrong with it.</summary>
    public (Dictionary<string, string>? Fields, string? Fault) Read(string line) => _columns is null ? ReadJson(line) : ReadCsv(line, _columns);

    private static (Dictionary<string, string>?, string?) ReadCsv(string line, string[] columns)
    {
        if (Split(line) is not { } cells)
        {
            return (null, "Not valid CSV: a quote is open or out of place");
        }

        return cells.Length == columns.Length
            ? (columns.Zip(cells).Where(field => field.Second.Length > 0).ToDictionary(field => field.First, field => field.Second), null)
            : (null, $"{cells.Length} fields under {columns.Length} columns");
    }

    private static (Dictionary<string, string>?, string?) ReadJson(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line, Strict);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                return (null, "Not a JSON object");
            }

            var fields = new Dictionary<string, string>();
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (!ImportedDevice.Fields.Contains(property.Name))
                {
                    return (null, $"There is no field {Shown(property.Name)}");
                }

                var text = property.Value.ValueKind switch
                {
                    JsonValueKind.Null => "",
                    JsonValueKind.String => property.Value.GetString()!,
                    JsonValueKind.True or JsonValueKind.False when property.Name == ImportedDevice.LegacySigningField => property.Value.GetRawText(),
                    _ => null,
                };
                if (text is null)
                {
                    return (null, $"{property.Name}: wrong type");
                }

                if (text.Length > 0)
                {
                    fields.Add(property.Name, text);
                }
            }

            return (fields, null);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The second is a text with half a surrogate pair.
            return (null, "Not valid JSON");
        }
    }

    private static string[]? Split(string line)
    {
        var quotes = line.AsSpan().Count('"');
        if (quotes == 0)
        {
            // Nearly every line, and a parser for each would be eight kilobytes to clear away.
            return line.Split(',', StringSplitOptions.TrimEntries);
        }

        try
        {
            using var parser = new CsvParser(new StringReader(line), Rules);
            // Of a quote that stays open the parser says nothing; an even number of them is closed.
            return quotes % 2 == 0 && parser.Read() ? parser.Record : null;
        }
        catch (BadDataException)
        {
            return null;
        }
    }

    private static string Shown(string name) => name.Length <= 50 ? name : name[..50];
}
