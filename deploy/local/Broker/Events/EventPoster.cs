namespace EasySmart.Broker;

/// <summary>
/// Posts client events as EMQX's HTTP action does: any 2xx is the end of it, 429, 503 and a receiver that cannot be
/// reached are tried again, every other answer loses the event. Not in order: their timestamps say what came last.
/// </summary>
internal sealed partial class EventPoster(
    ClientEvents events, EventReceiver receiver, TimeProvider time, BrokerMetrics metrics, IHostApplicationLifetime lifetime,
    ILogger<EventPoster> logger) : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    // EMQX's request_ttl: an event that is older tells nobody anything that the API does not tell better.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly LogPace _pace = new(time);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (events.Count > 0)
        {
            LogLeft(events.Count);
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => events.AreOff
        ? Task.CompletedTask
        : Task.WhenAll(Enumerable.Range(0, EventReceiver.InFlight).Select(_ => PostAllAsync(stoppingToken)));

    private async Task PostAllAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                var owed = await events.TakeAsync(stop);
                await DeliverAsync(owed, stop);
                events.Done();
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Those that are left are counted when all have stopped.
        }
    }

    private async Task DeliverAsync(OwedEvent owed, CancellationToken stop)
    {
        var pause = FirstPause;
        while (time.GetElapsedTime(owed.Since) < Patience)
        {
            switch (await receiver.PostAsync(owed.Body, stop))
            {
                case EventOutcome.Taken:
                    metrics.EventsTold();
                    return;
                case EventOutcome.Refused:
                    Lose("refused");
                    return;
                case EventOutcome.Unreachable when lifetime.ApplicationStopping.IsCancellationRequested:
                    // The whole fleet stops: nobody will come to hear it.
                    Lose("stopped");
                    return;
                default:
                    await Task.Delay(pause, time, stop);
                    pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                    break;
            }
        }

        Lose("too_old");
    }

    private void Lose(string reason)
    {
        metrics.EventsDropped(reason);
        if (_pace.IsTime())
        {
            LogLost(reason);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Client events are lost that their receiver did not take: {Reason}")]
    private partial void LogLost(string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Stopped with {Count} client events that were not told")]
    private partial void LogLeft(int count);
}
