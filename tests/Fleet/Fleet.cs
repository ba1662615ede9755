using System.Diagnostics;
using System.Globalization;
using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.Fleet.Tests;

/// <summary>The running fleet, as <c>deploy/local/test</c> started it and its environment names it.</summary>
internal static class Fleet
{
    private static readonly string[] Services =
        ["identity", "device-provisioning", "ingestion", "telemetry-query", "billing-quota", "notifier", "gateway", "broker"];

    public static Uri Gateway => new(TestServers.Required("EASYSMART_GATEWAY_URL"));

    public static string MqttHost => TestServers.Required("EASYSMART_MQTT_HOST");

    public static string MqttPort => TestServers.Required("EASYSMART_MQTT_PORT");

    public static string MqttWebSocketPort => TestServers.Required("EASYSMART_MQTT_WS_PORT");

    /// <summary>Where a service listens, past the gateway.</summary>
    public static Uri Service(string name) => new(TestServers.Required($"EASYSMART_{name.Replace('-', '_').ToUpperInvariant()}_URL"));

    /// <summary>The telemetry database as its owner.</summary>
    public static NpgsqlDataSource Telemetry() => Open("EASYSMART_TELEMETRY_DSN");

    /// <summary>The billing database as superuser.</summary>
    public static NpgsqlDataSource Billing() => Platform("billing");

    /// <summary>The devices' database as superuser.</summary>
    public static NpgsqlDataSource Devices() => Platform("devices");

    /// <summary>Ends a program as a crash would (SIGKILL); the supervisor starts it again.</summary>
    public static async Task KillAsync(string program)
    {
        using var process = Process.GetProcessById(await ProcessOfAsync(program));
        process.Kill();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Whether a program answers again.</summary>
    public static async Task<bool> IsReadyAsync(string program)
    {
        // Servers have no health of their own here; the services that need them have.
        using var http = new HttpClient();
        foreach (var service in Services.Contains(program) ? [program] : Services)
        {
            using var answer = await http.GetAsync(new Uri(Service(service), "/health/ready"), TestContext.Current.CancellationToken);
            if (!answer.IsSuccessStatusCode)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The number of a program's process.</summary>
    public static async Task<int> ProcessOfAsync(string program)
    {
        // The supervisor says 0 while it has not started it again yet, and that is no success.
        var pid = await Eventually.GetAsync(async () => await SuperviseAsync("pid", program) is var text and not "0" ? text : null);
        return int.Parse(pid, CultureInfo.InvariantCulture);
    }

    /// <summary>Stops a server for as long as the answer is not disposed.</summary>
    public static async Task<IAsyncDisposable> StoppedAsync(string program)
    {
        await StopAsync(program);
        return new Stopped(program);
    }

    /// <summary>Starts a program of the fleet that does not run.</summary>
    public static Task StartAsync(string program) => SuperviseAsync("start", program);

    /// <summary>Stops a program as an operator would, and waits for its end.</summary>
    public static Task StopAsync(string program) => SuperviseAsync("stop", program);

    /// <summary>What a program has said.</summary>
    public static string LogOf(string program)
    {
        var path = Path.Combine(TestServers.Required("EASYSMART_STATE_DIR"), "logs", $"{program}.log");
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd();
    }

    /// <summary>A second instance of a service on a port of its own, with the settings of the first; it ends when it is disposed.</summary>
    /// <param name="program">The service.</param>
    /// <param name="settings">What is otherwise than in the first, as environment variables.</param>
    public static async Task<Instance> SecondAsync(string program, params IEnumerable<(string Name, string Value)> settings) =>
        await Instance.StartAsync(await SameAsAsync(program, [.. settings, ("ASPNETCORE_URLS", "http://127.0.0.1:0")]));

    /// <summary>Runs one of a service's commands to its end, with the settings of the running one.</summary>
    public static async Task CommandAsync(string program, string command, params IEnumerable<(string Name, string Value)> settings)
    {
        var start = await SameAsAsync(program, settings);
        start.ArgumentList.Add(command);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var said = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, await output + said);
    }

    private static async Task<ProcessStartInfo> SameAsAsync(string program, IEnumerable<(string Name, string Value)> settings)
    {
        var pid = await ProcessOfAsync(program);
        var start = new ProcessStartInfo
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = new DirectoryInfo($"/proc/{pid}/cwd").ResolveLinkTarget(returnFinalTarget: true)!.FullName,
        };
        start.Environment.Clear();
        foreach (var setting in (await File.ReadAllTextAsync($"/proc/{pid}/environ")).Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            start.Environment.Add(setting.Split('=', 2)[0], setting.Split('=', 2)[1]);
        }

        var command = (await File.ReadAllTextAsync($"/proc/{pid}/cmdline")).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        start.FileName = command[0];
        Array.ForEach(command[1..], start.ArgumentList.Add);
        foreach (var (name, value) in settings)
        {
            start.Environment[name] = value;
        }

        return start;
    }

    private static async Task<string> SuperviseAsync(params string[] words)
    {
        var supervisor = new ProcessStartInfo("supervisorctl", ["-c", TestServers.Required("EASYSMART_SUPERVISOR_CONF"), .. words])
        {
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(supervisor)!;
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, output);
        return output.Trim();
    }

    private sealed class Stopped(string program) : IAsyncDisposable
    {
        private bool _started;

        public async ValueTask DisposeAsync()
        {
            if (!_started)
            {
                _started = true;
                await StartAsync(program);
            }
        }
    }

    private static NpgsqlDataSource Platform(string database) =>
        NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(TestServers.Platform) { Database = database }.ConnectionString);

    // postgresql://user:password@host:port/database, as psql takes it.
    private static NpgsqlDataSource Open(string variable)
    {
        var url = new Uri(TestServers.Required(variable));
        var user = url.UserInfo.Split(':', 2);
        return NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder
        {
            Host = url.Host,
            Port = url.Port,
            Database = url.AbsolutePath.TrimStart('/'),
            Username = user[0],
            Password = Uri.UnescapeDataString(user[1]),
        }.ConnectionString);
    }
}
