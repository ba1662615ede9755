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
            await File.WriteAllTextAsync(output, await PublicDocument.MergeAsync(args[1..].Select(File.ReadAllText)));
            return 0;
        }
        catch (InvalidDataException fault)
        {
            // As MSBuild shows an error.
            await Console.Error.WriteLineAsync($"gateway/ApiDocument: error API0001: {fault.Message}");
            return 1;
        }
    }
}
