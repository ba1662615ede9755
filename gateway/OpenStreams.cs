using System.Collections.Concurrent;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace EasySmart.Gateway;

/// <summary>
/// The streams of events that are open (answers of <c>text/event-stream</c>): a credential is verified when a request begins, and a stream
/// goes on long after. It ends when its credential is taken back, seconds later as for new requests, and when it expires.
/// </summary>
internal sealed class OpenStreams(TimeProvider clock)
{
    // The longest that a timer takes.
    private static readonly TimeSpan Longest = TimeSpan.FromDays(49);

    private readonly ConcurrentDictionary<CancellationTokenSource, Principal> _open = new();

    /// <summary>Whether an answer is one.</summary>
    public static bool IsStream(HttpResponse response) =>
        response.ContentType?.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase) is true;

    /// <summary>Keeps an answer that begins here until it ends, if it is a stream.</summary>
    /// <param name="context">The request.</param>
    /// <param name="end">Ends it, also when its time runs out.</param>
    /// <returns>Whether it is one.</returns>
    public bool Keep(HttpContext context, CancellationTokenSource end)
    {
        if (context.User is not Principal principal || !IsStream(context.Response))
        {
            return false;
        }

        var left = principal.ExpiresAt - clock.GetUtcNow();
        end.CancelAfter(left is not { } time || time > Longest ? Timeout.InfiniteTimeSpan : time > TimeSpan.Zero ? time : TimeSpan.Zero);
        _open[end] = principal;
        context.Response.RegisterForDispose(new Forgetting(this, end));
        // Who reads slowly is told so by the service, and not cut off without a word.
        context.Features.Get<IHttpMinResponseDataRateFeature>()?.MinDataRate = null;
        // A proxy before us that gathers answers would hold events back.
        context.Response.Headers["X-Accel-Buffering"] = "no";
        return true;
    }

    /// <summary>Ends the streams of those whom <paramref name="isRefused"/> names.</summary>
    public void End(Func<Principal, bool> isRefused)
    {
        foreach (var (end, principal) in _open)
        {
            if (isRefused(principal) && _open.TryRemove(end, out _))
            {
                // Elsewhere: what waits for it runs on where it is cancelled.
                _ = CancelAsync(end);
            }
        }
    }

    private static async Task CancelAsync(CancellationTokenSource end)
    {
        try
        {
            await end.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // It ended by itself in this moment.
        }
    }

    private sealed class Forgetting(OpenStreams streams, CancellationTokenSource end) : IDisposable
    {
        public void Dispose() => streams._open.TryRemove(end, out _);
    }
}
