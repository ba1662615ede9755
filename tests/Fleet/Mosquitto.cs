using System.Diagnostics;
using System.Globalization;

namespace EasySmart.Fleet.Tests;

/// <summary>Debian's MQTT clients, as a person or a script at a factory would use them.</summary>
internal static class Mosquitto
{
    /// <summary>Publishes; each line of <paramref name="lines"/> is a message of one connection.</summary>
    /// <returns>Exit code and what it said.</returns>
    public static async Task<(int Code, string Said)> PublishAsync(
        Device device, string topic, IAsyncEnumerable<string> lines, int qos = 1, string version = "mqttv311", string? user = null, string? password = null)
    {
        using var process = Start("mosquitto_pub", device, user, password, ["-t", topic, "-q", Text(qos), "-V", version, "-l"]);
        await foreach (var line in lines)
        {
            // Line by line, so that a source that takes its time holds back only what comes after it.
            await process.StandardInput.WriteLineAsync(line);
            await process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        }

        process.StandardInput.Close();
        return await EndAsync(process);
    }

    /// <inheritdoc cref="PublishAsync(Device, string, IAsyncEnumerable{string}, int, string, string?, string?)"/>
    public static Task<(int Code, string Said)> PublishAsync(
        Device device, string topic, IEnumerable<string> lines, int qos = 1, string version = "mqttv311", string? user = null, string? password = null) =>
        PublishAsync(device, topic, lines.ToAsyncEnumerable(), qos, version, user, password);

    /// <summary>Subscribes and leaves at once; the exit code tells whether every subscription was granted.</summary>
    public static async Task<(int Code, string Said)> SubscribeAsync(Device device, string topic, string version = "mqttv5")
    {
        // -E leaves after the subscription was answered.
        using var process = Start("mosquitto_sub", device, null, null, ["-t", topic, "-q", "1", "-V", version, "-E", "-d"]);
        return await EndAsync(process);
    }

    private static Process Start(string program, Device device, string? user, string? password, string[] rest)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] all = ["-h", Fleet.MqttHost, "-p", Fleet.MqttPort, "-u", user ?? device.Id.ToString(), "-P", password ?? device.Secret, .. rest];
        foreach (var word in all)
        {
            start.ArgumentList.Add(word);
        }

        return Process.Start(start)!;
    }

    private static async Task<(int, string)> EndAsync(Process process)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var output = await process.StandardOutput.ReadToEndAsync(cancellation) + await process.StandardError.ReadToEndAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        return (process.ExitCode, output);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
