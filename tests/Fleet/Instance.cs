using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests;

/// <summary>A process of the fleet that a test started.</summary>
internal sealed class Instance : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _said = [];
    private readonly Process _process;

    private Instance(ProcessStartInfo start)
    {
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => _said.Enqueue(line.Data ?? "");
        _process.ErrorDataReceived += (_, line) => _said.Enqueue(line.Data ?? "");
    }

    public Uri Address { get; private set; } = null!;

    /// <summary>The number of its process.</summary>
    public int Id => _process.Id;

    /// <summary>What it has said.</summary>
    public string Said => string.Join('\n', _said);

    /// <summary>Starts it, and waits until it listens.</summary>
    public static async Task<Instance> StartAsync(ProcessStartInfo start)
    {
        var instance = new Instance(start);
        instance._process.Start();
        instance._process.BeginOutputReadLine();
        instance._process.BeginErrorReadLine();
        try
        {
            var listening = await Eventually.GetAsync(
                () => instance._process.HasExited
                    ? throw new OperationCanceledException(instance.Said)
                    : Task.FromResult(instance._said.FirstOrDefault(line => line.Contains("Now listening on: ", StringComparison.Ordinal))),
                seconds: 60);
            instance.Address = new Uri(listening.Split("Now listening on: ")[1]);
            return instance;
        }
        catch
        {
            await instance.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whether its checks of health are all well.</summary>
    public async Task<bool> IsReadyAsync()
    {
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(Address, "/health/ready"), TestContext.Current.CancellationToken);
        return answer.IsSuccessStatusCode;
    }

    /// <summary>Asks it to stop (SIGTERM), and waits for its end.</summary>
    public async Task StopAsync()
    {
        using var kill = Process.Start("kill", ["-TERM", Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, _process.ExitCode);
    }

    /// <summary>Ends it as a crash would (SIGKILL).</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }
}
