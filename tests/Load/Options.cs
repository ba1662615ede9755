using System.Globalization;

namespace EasySmart.Load;

/// <summary>What the command line says.</summary>
internal sealed record Options
{
    public required int Devices { get; init; }

    public required int Concurrency { get; init; }

    /// <summary>The report's name.</summary>
    public required string Report { get; init; }

    public int Requests { get; init; } = 50_000;

    /// <summary>Messages a second of all devices; 0 is as fast as it goes.</summary>
    public int Rate { get; init; }

    public int QoS { get; init; } = 1;

    public PayloadShape Payload { get; init; } = PayloadShape.Value;

    public int Slots { get; init; } = 4;

    public int Seconds { get; init; } = 15;

    public int Rounds { get; init; } = 5;

    public int InFlight { get; init; } = 1;

    /// <summary>Devices and tenants that are only known.</summary>
    public int Registered { get; init; } = 50_000;

    public int Tenants { get; init; } = 1000;

    /// <summary>How long memory is looked at.</summary>
    public int Minutes { get; init; } = 10;

    /// <summary>Devices that publish while questions are asked.</summary>
    public int Publishers { get; init; } = 200;

    /// <summary>Readings in the past that is asked about.</summary>
    public long Rows { get; init; } = 100_000_000;

    /// <summary>How long that past is.</summary>
    public int Days { get; init; } = 365;

    /// <summary>Null when it cannot be understood.</summary>
    /// <param name="words">Pairs of a name and what it is set to.</param>
    /// <param name="otherwise">What is not set.</param>
    public static Options? Read(string[] words, Options otherwise)
    {
        Options? options = otherwise;
        for (var i = 0; i < words.Length && options is not null; i += 2)
        {
            options = i + 1 < words.Length ? options.With(words[i], words[i + 1]) : null;
        }

        return options;
    }

    private Options? With(string name, string word)
    {
        if (name == "--payload")
        {
            return Payloads.Find(word) is { } shape ? this with { Payload = shape } : null;
        }

        if (name == "--report")
        {
            return this with { Report = word };
        }

        if (!int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return null;
        }

        return (name, number) switch
        {
            ("--rate", _) => this with { Rate = number },
            ("--qos", 0 or 1) => this with { QoS = number },
            (_, 0) => null,
            ("--devices", _) => this with { Devices = number },
            ("--concurrency", _) => this with { Concurrency = number },
            ("--requests", _) => this with { Requests = number },
            ("--slots", <= 32768) => this with { Slots = number },
            ("--seconds", _) => this with { Seconds = number },
            ("--rounds", _) => this with { Rounds = number },
            ("--in-flight", <= 1000) => this with { InFlight = number },
            ("--registered", _) => this with { Registered = number },
            ("--tenants", _) => this with { Tenants = number },
            ("--publishers", _) => this with { Publishers = number },
            ("--rows", _) => this with { Rows = number },
            ("--days", <= 365) => this with { Days = number },
            ("--minutes", <= 24 * 60) => this with { Minutes = number },
            _ => null,
        };
    }
}
