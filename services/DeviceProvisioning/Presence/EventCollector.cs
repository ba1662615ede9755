using System.Threading.Channels;
using EasySmart.DeviceProvisioning.Sessions;
using EasySmart.ServiceDefaults.Postgres;

namespace EasySmart.DeviceProvisioning.Presence;

/// <summary>Gathers the broker's events, so that a fleet that reconnects costs a transaction for some hundred devices and not for each.</summary>
public sealed partial class EventCollector(SessionBook book, SessionMetrics metrics, TimeProvider clock, ILogger<EventCollector> logger) : BackgroundService
{
    /// <summary>Most events of one transaction.</summary>
    public const int BatchSize = 500;

    private const int Capacity = 20 * BatchSize;
    // The sender has a bounded number on the way and waits for our answers: longer would slow it down.
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(25);

    private readonly Channel<Waiting> _waiting = Channel.CreateBounded<Waiting>(new BoundedChannelOptions(Capacity) { SingleReader = true });

    /// <summary>Waits until the event is committed.</summary>
    /// <returns>False when it was not, and should be told again.</returns>
    public Task<bool> StoreAsync(SessionEvent @event, CancellationToken cancellation)
    {
        var waiting = new Waiting(@event, new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously));
        return _waiting.Writer.TryWrite(waiting) ? waiting.Stored.Task.WaitAsync(cancellation) : Task.FromResult(false);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (await _waiting.Reader.WaitToReadAsync(stoppingToken))
            {
                if (_waiting.Reader.Count < BatchSize)
                {
                    await Task.Delay(Gathering, clock, stoppingToken);
                }

                var batch = new List<Waiting>();
                while (batch.Count < BatchSize && _waiting.Reader.TryRead(out var next))
                {
                    batch.Add(next);
                }

                await ApplyAsync(batch, stoppingToken);
            }
        }
        finally
        {
            _waiting.Writer.Complete();
            while (_waiting.Reader.TryRead(out var left))
            {
                left.Stored.TrySetResult(false);
            }
        }
    }

    private async Task ApplyAsync(List<Waiting> batch, CancellationToken stopping)
    {
        try
        {
            await book.ApplyAsync(batch.ConvertAll(waiting => waiting.Event), stopping);
            metrics.Event("stored", batch.Count);
            batch.ForEach(waiting => waiting.Stored.TrySetResult(true));
        }
        catch (Exception exception) when (batch.Count > 1 && !stopping.IsCancellationRequested && !Transient.Is(exception))
        {
            // One that can never be stored must not keep the others out.
            await ApplyAsync(batch[..(batch.Count / 2)], stopping);
            await ApplyAsync(batch[(batch.Count / 2)..], stopping);
        }
        catch (Exception exception) when (stopping.IsCancellationRequested || Transient.Is(exception))
        {
            LogAway(batch.Count, exception.Message);
            metrics.Event("unavailable", batch.Count);
            batch.ForEach(waiting => waiting.Stored.TrySetResult(false));
        }
        catch (Exception exception)
        {
            metrics.Event("failed");
            batch[0].Stored.TrySetException(exception);
        }
    }

    private sealed record Waiting(SessionEvent Event, TaskCompletionSource<bool> Stored);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} events of the broker were not stored, it will tell them again: {Reason}")]
    private partial void LogAway(int count, string reason);
}
