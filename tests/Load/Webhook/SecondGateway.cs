using System.Diagnostics;

namespace EasySmart.Load;

/// <summary>
/// Another gateway with the settings of the fleet's own, on a port of its own; it ends when it is disposed. Its limits exempt this machine, as
/// an operator's exempt the broker that delivers over HTTP.
/// </summary>
internal sealed class SecondGateway : IAsyncDisposable
{
    private readonly Process _process;

    private SecondGateway(Process process, Uri address) => (_process, Address) = (process, address);

    public Uri Address { get; }

    public int ProcessId => _process.Id;

    /// <param name="fleet">Whose gateway it is like.</param>
    /// <param name="ingestion">Whom it takes for ingestion; null for the fleet's own.</param>
    /// <param name="cancellation">Ends it.</param>
    public static async Task<SecondGateway> StartAsync(RunningFleet fleet, Uri? ingestion, CancellationToken cancellation)
    {
        var first = fleet.ProcessOf("gateway");
        var command = (await File.ReadAllTextAsync($"/proc/{first}/cmdline", cancellation)).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = new DirectoryInfo($"/proc/{first}/cwd").ResolveLinkTarget(returnFinalTarget: true)!.FullName,
        };
        start.Environment.Clear();
        foreach (var setting in (await File.ReadAllTextAsync($"/proc/{first}/environ", cancellation)).Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            start.Environment.Add(setting.Split('=', 2)[0], setting.Split('=', 2)[1]);
        }

        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        start.Environment["RateLimits__Address__Exempt__0"] = "127.0.0.0/8";
        if (ingestion is not null)
        {
            start.Environment["services__ingestion__http__0"] = ingestion.GetLeftPart(UriPartial.Authority);
        }

        var process = Process.Start(start)!;
        var listening = new TaskCompletionSource<Uri>(TaskCreationOptions.RunContinuationsAsynchronously);
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data?.Split("Now listening on: ") is [_, var address])
            {
                // Beside text for people the log may be JSON.
                listening.TrySetResult(new Uri(address.Split('"')[0]));
            }
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var gateway = new SecondGateway(process, await listening.Task.WaitAsync(TimeSpan.FromMinutes(1), cancellation));
        await RunningFleet.ReadyAsync(gateway.Address, "the second gateway", cancellation);
        return gateway;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
