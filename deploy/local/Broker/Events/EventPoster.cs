using System.Net;
using System.Net.Http.Headers;
using System.Net.Mime;

namespace EasySmart.Broker;

/// <summary>
/// Posts client events as EMQX's HTTP action does: any 2xx is the end of it, 429, 503 and a receiver that cannot be
/// reached are tried again, every other answer loses the event. Not in order: their timestamps say what came last.
/// </summary>
internal sealed partial class EventPoster : BackgroundService
{
    private const int InFlight = 64;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(10);

    // EMQX's request_ttl: an event that is older tells nobody anything that the API does not tell better.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        MaxConnectionsPerServer = InFlight,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        AllowAutoRedirect = false,
        UseProxy = false,
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
        MaxResponseContentBufferSize = 1024 * 1024,
    };

    private readonly ClientEvents _events;
    private readonly BrokerOptions _options;
    private readonly TimeProvider _time;
    private readonly BrokerMetrics _metrics;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly ILogger<EventPoster> _logger;
    private readonly LogPace _pace;

    public EventPoster(
        ClientEvents events, BrokerOptions options, TimeProvider time, BrokerMetrics metrics, IHostApplicationLifetime lifetime,
        ILogger<EventPoster> logger) =>
        (_events, _options, _time, _metrics, _lifetime, _logger, _pace) =
        (events, options, time, metrics, lifetime, logger, new LogPace(time));

    private enum Outcome
    {
        Taken,
        Refused,
        Busy,
        Unreachable,
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (_events.Count > 0)
        {
            LogLeft(_events.Count);
        }
    }

    public override void Dispose()
    {
        _http.Dispose();
        base.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => _events.AreOff
        ? Task.CompletedTask
        : Task.WhenAll(Enumerable.Range(0, InFlight).Select(_ => PostAllAsync(stoppingToken)));

    private async Task PostAllAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                var owed = await _events.TakeAsync(stop);
                await DeliverAsync(owed, stop);
                _events.Done();
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
        while (_time.GetElapsedTime(owed.Since) < Patience)
        {
            switch (await PostAsync(owed.Body, stop))
            {
                case Outcome.Taken:
                    _metrics.EventsTold();
                    return;
                case Outcome.Refused:
                    Lose("refused");
                    return;
                case Outcome.Unreachable when _lifetime.ApplicationStopping.IsCancellationRequested:
                    // The whole fleet stops: nobody will come to hear it.
                    Lose("stopped");
                    return;
                default:
                    await Task.Delay(pause, _time, stop);
                    pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                    break;
            }
        }

        Lose("too_old");
    }

    private void Lose(string reason)
    {
        _metrics.EventsDropped(reason);
        if (_pace.IsTime())
        {
            LogLost(reason);
        }
    }

    private async Task<Outcome> PostAsync(byte[] body, CancellationToken stop)
    {
        using var budget = new CancellationTokenSource(Budget, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(budget.Token, stop);
        try
        {
            using var content = new ByteArrayContent(body);
            content.Headers.ContentType = new MediaTypeHeaderValue(MediaTypeNames.Application.Json);
            using var request = new HttpRequestMessage(HttpMethod.Post, _options.EventsUrl) { Content = content };
            request.Headers.Add("X-EasySmart-Hook-Key", _options.HookKey);
            using var response = await _http.SendAsync(request, either.Token);
            if (response.IsSuccessStatusCode)
            {
                return Outcome.Taken;
            }

            if (response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable)
            {
                return Outcome.Busy;
            }

            return Outcome.Refused;
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return Outcome.Unreachable;
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return Outcome.Busy;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Client events are lost that their receiver did not take: {Reason}")]
    private partial void LogLost(string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Stopped with {Count} client events that were not told")]
    private partial void LogLeft(int count);
}
