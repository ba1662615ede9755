using System.Globalization;

namespace EasySmart.Load;

/// <summary>What the command line says.</summary>
internal sealed record Options(int Devices = 5000, int Concurrency = 200, int Requests = 50_000)
{
    /// <summary>Null when it cannot be understood.</summary>
    public static Options? Read(string[] words)
    {
        var options = new Options();
        for (var i = 0; i < words.Length; i += 2)
        {
            if (i + 1 == words.Length || !int.TryParse(words[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0)
            {
                return null;
            }

            switch (words[i])
            {
                case "--devices": options = options with { Devices = number }; break;
                case "--concurrency": options = options with { Concurrency = number }; break;
                case "--requests": options = options with { Requests = number }; break;
                default: return null;
            }
        }

        return options;
    }
}
