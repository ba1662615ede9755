using System.Diagnostics;
using System.Globalization;
using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.Fleet.Tests;

/// <summary>The running fleet, as <c>deploy/local/test</c> started it and its environment names it.</summary>
internal static class Fleet
{
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

    /// <summary>The number of a program's process.</summary>
    public static async Task<int> ProcessOfAsync(string program) => int.Parse(await SuperviseAsync("pid", program), CultureInfo.InvariantCulture);

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
