using System.Net;
using System.Net.Http.Headers;
using System.Net.Mime;

namespace EasySmart.Broker;

internal enum EventOutcome
{
    Taken,
    Refused,
    Busy,
    Unreachable,
}

/// <summary>Who listens at Broker:EventsUrl.</summary>
internal sealed class EventReceiver(BrokerOptions options, TimeProvider time) : IDisposable
{
    /// <summary>Requests at once.</summary>
    public const int InFlight = 64;

    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(10);

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

    public async Task<EventOutcome> PostAsync(byte[] body, CancellationToken cancellation)
    {
        using var budget = new CancellationTokenSource(Budget, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(budget.Token, cancellation);
        try
        {
            using var content = new ByteArrayContent(body);
            content.Headers.ContentType = new MediaTypeHeaderValue(MediaTypeNames.Application.Json);
            using var request = new HttpRequestMessage(HttpMethod.Post, options.EventsUrl) { Content = content };
            request.Headers.Add("X-EasySmart-Hook-Key", options.HookKey);
            using var response = await _http.SendAsync(request, either.Token);
            return response.StatusCode switch
            {
                HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable => EventOutcome.Busy,
                _ => response.IsSuccessStatusCode ? EventOutcome.Taken : EventOutcome.Refused,
            };
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return EventOutcome.Unreachable;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return EventOutcome.Busy; // It did not answer in time.
        }
    }

    public void Dispose() => _http.Dispose();
}
