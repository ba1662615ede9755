using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EasySmart.Load;

/// <summary>A report for people and for programs, with the machine, the day and the command that it comes from.</summary>
internal sealed class Report(string name, string[] commandLine)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DictionaryKeyPolicy = null,
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };

    private readonly Machine _machine = Machine.Read();
    private readonly string _date = DateTimeOffset.UtcNow.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>Writes <c>name.json</c> and <c>name.md</c>; returns the latter's path.</summary>
    public async Task<string> WriteAsync(object figures, string text, CancellationToken cancellation)
    {
        var directory = Directory.CreateDirectory(Path.Combine(RunningFleet.Repository, "tests", "Load", "reports")).FullName;
        var command = string.Join(' ', commandLine);
        await File.WriteAllTextAsync(
            Path.Combine(directory, $"{name}.json"),
            JsonSerializer.Serialize(new { date = _date, machine = _machine, command, figures }, Json) + "\n",
            cancellation);
        var path = Path.Combine(directory, $"{name}.md");
        await File.WriteAllTextAsync(path, $"# {name}\n\n{_date}, `{command}`.\n\n{_machine}\n{text}", cancellation);
        return path;
    }
}
