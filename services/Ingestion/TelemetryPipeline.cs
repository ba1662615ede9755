using EasySmart.Ingestion.Batches;
using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Mqtt;

namespace EasySmart.Ingestion;

/// <summary>
/// Runs the path from broker to commit. Stopping goes along it: read no more, commit what is in hand, acknowledge it, leave the broker.
/// </summary>
internal sealed partial class TelemetryPipeline(
    DirectoryKeeper directory,
    TelemetrySession session,
    WaitingRoom waiting,
    Lanes lanes,
    Batcher batcher,
    IHostApplicationLifetime service,
    ILogger<TelemetryPipeline> logger) : IHostedService, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private Task _reading = Task.CompletedTask;
    private Task _writing = Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        waiting.ShowMetrics();
        _reading = Task.Run(() => WatchAsync(ReadAsync()), CancellationToken.None);
        _writing = Task.Run(() => WatchAsync(batcher.RunAsync(_stopping.Token)), CancellationToken.None);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _reading;
        lanes.Complete();
        try
        {
            await _writing.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // The database does not answer and the host's patience is over.
        }

        await session.LeaveAsync(cancellationToken);
    }

    public void Dispose() => _stopping.Dispose();

    private async Task ReadAsync()
    {
        await directory.Loaded.WaitAsync(_stopping.Token);
        await session.RunAsync(_stopping.Token);
    }

    /// <summary>Neither end of the path ends before the service does. If one did, by a bug, the supervisor's fresh start is the best hope.</summary>
    private async Task WatchAsync(Task end)
    {
        try
        {
            await end;
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // What is in hand was not acknowledged, and comes again.
        }
        catch (Exception exception)
        {
            LogBroken(exception);
            Environment.ExitCode = 1;
            service.StopApplication();
        }
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "The path from broker to database is broken; the service stops")]
    private partial void LogBroken(Exception exception);
}
