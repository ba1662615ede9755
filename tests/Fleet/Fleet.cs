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
        await SuperviseAsync("stop", program);
        return new Stopped(program);
    }

    /// <summary>A second instance of a service on a port of its own, with the settings of the first; it ends when it is disposed.</summary>
    public static async Task<Instance> SecondAsync(string program)
    {
        var pid = await SuperviseAsync("pid", program);
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
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        var process = Process.Start(start)!;
        var listening = new TaskCompletionSource<Uri>(TaskCreationOptions.RunContinuationsAsynchronously);
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data?.Split("Now listening on: ") is [_, var address])
            {
                listening.TrySetResult(new Uri(address));
            }
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return new Instance(process, await listening.Task.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken));
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

    /// <summary>A process of the fleet that a test started.</summary>
    internal sealed class Instance(Process process, Uri address) : IAsyncDisposable
    {
        public Uri Address => address;

        public async ValueTask DisposeAsync()
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    private sealed class Stopped(string program) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await SuperviseAsync("start", program);
    }

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
