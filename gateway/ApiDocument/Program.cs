using System.Text.Json;
using System.Text.Json.Nodes;

namespace EasySmart.ApiDocument;

/// <summary>The gateway's build calls this: OUTPUT INPUT…</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        if (args is not [var output, _, ..])
        {
            await Console.Error.WriteLineAsync("usage: EasySmart.ApiDocument OUTPUT SERVICE-DOCUMENT…");
            return 2;
        }

        try
        {
            await File.WriteAllTextAsync(output, await PublicDocument.MergeAsync(args[1..].Select(Read)));
            return 0;
        }
        catch (InvalidDataException fault)
        {
            // As MSBuild shows an error.
            await Console.Error.WriteLineAsync($"gateway/ApiDocument: error API0001: {fault.Message}");
            return 1;
        }
    }

    private static string Read(string path)
    {
        var text = File.ReadAllText(path);
        try
        {
            JsonNode.Parse(text);
            return text;
        }
        catch (JsonException)
        {
            throw new InvalidDataException($"{path} is not JSON, perhaps since a merge: write it anew by that project's tests, with EASYSMART_UPDATE_SNAPSHOTS=1");
        }
    }
}
