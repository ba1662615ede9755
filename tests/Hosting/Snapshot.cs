using System.Text.Encodings.Web;
using System.Text.Json;

namespace EasySmart.Hosting;

/// <summary>
/// Compares with a committed file below the test project's <c>Snapshots/</c>. <c>EASYSMART_UPDATE_SNAPSHOTS=1</c> writes it instead,
/// for a change that is meant; the diff is then reviewed like code.
/// </summary>
public static class Snapshot
{
    // These files are for people: an apostrophe stays one.
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Asserts that <paramref name="json"/> is what the file <paramref name="name"/> holds, apart from white space.</summary>
    public static async Task AssertAsync(string name, string json)
    {
        var path = Path.Combine(ProjectDirectory(), "Snapshots", name);
        var actual = JsonSerializer.Serialize(JsonSerializer.Deserialize<JsonElement>(json), Indented) + "\n";
        if (Environment.GetEnvironmentVariable("EASYSMART_UPDATE_SNAPSHOTS") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await File.WriteAllTextAsync(path, actual);
        }

        Assert.True(File.Exists(path), $"{path} is missing; make it with EASYSMART_UPDATE_SNAPSHOTS=1");
        Assert.Equal(await File.ReadAllTextAsync(path), actual);
    }

    private static string ProjectDirectory()
    {
        // bin/<configuration>/net10.0 of the test project.
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && directory.GetFiles("*.csproj").Length == 0)
        {
            directory = directory.Parent;
        }

        return directory?.FullName ?? throw new InvalidOperationException("The tests do not run from their project's output folder");
    }
}
