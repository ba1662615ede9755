using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace EasySmart.Load;

/// <summary>The fleet that runs on this machine: its addresses and secrets, its programs and its databases.</summary>
internal sealed class RunningFleet
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private readonly Dictionary<string, string> _settings;

    private RunningFleet(string state, Dictionary<string, string> settings) => (State, _settings) = (state, settings);

    /// <summary>The directory where the fleet keeps its things.</summary>
    public string State { get; }

    /// <summary>The root of this clone.</summary>
    public static string Repository { get; } = FindRepository();

    public string this[string setting] => _settings[setting];

    /// <summary>As deploy/local/lib/fleet.sh finds it.</summary>
    public static RunningFleet Find()
    {
        var state = Path.GetFullPath(Environment.GetEnvironmentVariable("EASYSMART_STATE") is { Length: > 0 } named ? named : Path.Combine(Repository, ".local"));
        var lines = File.ReadAllLines(Path.Combine(state, "fleet.env"));
        return new RunningFleet(state, lines.Select(line => line.Split('=', 2)).ToDictionary(part => part[0], part => part[1]));
    }

    /// <summary>Where a service listens, past the gateway.</summary>
    public Uri Service(string name) => new(this[$"EASYSMART_{name.Replace('-', '_').ToUpperInvariant()}_URL"]);

    /// <summary>The telemetry database as its owner.</summary>
    public NpgsqlDataSource Telemetry()
    {
        var url = new Uri(this["EASYSMART_TELEMETRY_DSN"]);
        var user = url.UserInfo.Split(':', 2);
        return NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder
        {
            Host = url.Host,
            Port = url.Port,
            Database = url.AbsolutePath.TrimStart('/'),
            Username = user[0],
            Password = Uri.UnescapeDataString(user[1]),
            ApplicationName = "load",
            CommandTimeout = 300,
        });
    }

    /// <summary>The number of a program's process.</summary>
    public int ProcessOf(string program) =>
        Supervise("pid", program) is var said && int.TryParse(said, CultureInfo.InvariantCulture, out var pid) && pid > 0
            ? pid
            : throw new InvalidOperationException($"{program} does not run: {said}");

    /// <summary>Asks the supervisor; returns its answer.</summary>
    public string Supervise(params string[] words)
    {
        var start = new ProcessStartInfo("supervisorctl", ["-c", Path.Combine(State, "run", "supervisord.conf"), .. words])
        {
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return output;
    }

    /// <summary>Waits until a service says that it is ready.</summary>
    public Task ReadyAsync(string service, CancellationToken cancellation) => ReadyAsync(Service(service), service, cancellation);

    /// <summary>Waits until what listens at an address says that it is ready.</summary>
    public static async Task ReadyAsync(Uri address, string name, CancellationToken cancellation)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(3) };
        await Until.TrueAsync($"{name} is not ready", Patience, async () =>
        {
            try
            {
                using var answer = await http.GetAsync(new Uri(address, "/health/ready"), cancellation);
                return answer.IsSuccessStatusCode;
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException && !cancellation.IsCancellationRequested)
            {
                return false;
            }
        }, cancellation);
    }

    private static string FindRepository()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "EasySmart.sln")))
        {
            directory = directory.Parent ?? throw new InvalidOperationException("Not started from a clone of the repository");
        }

        return directory.FullName;
    }
}
