using System.Threading.RateLimiting;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.Extensions.Options;

namespace EasySmart.TelemetryQuery.Limits;

/// <summary>What a route costs while it is under way.</summary>
internal enum QueryKind
{
    /// <summary>One answer.</summary>
    Query,

    /// <summary>A file of any length.</summary>
    Export,

    /// <summary>A live stream, which costs little and lasts.</summary>
    Stream,
}

/// <summary>A place of a tenant's among those of its kind, or why there is none.</summary>
internal readonly record struct Admission(IDisposable? Place, ProblemResult? Refusal);

/// <summary>
/// How much one tenant may have under way at once, by <see cref="QueryLimitOptions"/>: one who asks for much waits for itself, not the others
/// for it. In memory, each instance for itself; a tenant that asks nothing for ten seconds is forgotten.
/// </summary>
internal sealed class QueryLimits : IDisposable
{
    private readonly QueryLimitOptions _options;
    private readonly TimeProvider _clock;
    private readonly Dictionary<QueryKind, Kind> _kinds;

    public QueryLimits(IOptions<QueryLimitOptions> options, TimeProvider clock)
    {
        (_options, _clock) = (options.Value, clock);
        _kinds = new()
        {
            // A query is over in milliseconds; who would start another file can as well wait for the one before.
            [QueryKind.Query] = new("concurrent_queries", "queries", _options.Queries, RetryAfterSeconds: 1, _options.QueuedQueries, _options.QueueSeconds),
            [QueryKind.Export] = new("concurrent_exports", "exports", _options.Exports, RetryAfterSeconds: 10),
            [QueryKind.Stream] = new("concurrent_streams", "live streams", _options.Streams, RetryAfterSeconds: 10),
        };
    }

    /// <summary>Waits for a place where the kind lets one wait. Disposing the place gives it to the next.</summary>
    public async ValueTask<Admission> EnterAsync(QueryKind kind, Guid tenant, CancellationToken cancellation)
    {
        var limit = _kinds[kind];
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(_options.QueueSeconds), _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        try
        {
            var lease = await limit.Places.AcquireAsync(tenant, 1, either.Token);
            if (lease.IsAcquired)
            {
                return new Admission(lease, null);
            }

            lease.Dispose();
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // It has waited long enough.
        }

        return new Admission(null, limit.Refusal);
    }

    /// <summary>What the tenant has under way now, for each kind. Asking takes no place.</summary>
    public IEnumerable<LimitView> Show(Guid tenant) => _kinds.Values.Select(kind => kind.Show(tenant));

    public void Dispose()
    {
        foreach (var kind in _kinds.Values)
        {
            kind.Places.Dispose();
        }
    }

    private sealed record Kind(string Name, string Words, int Max, int RetryAfterSeconds, int Queued = 0, int QueueSeconds = 0)
    {
        // One limiter for each tenant, which .NET drops when nobody has held a place in it for ten seconds.
        public PartitionedRateLimiter<Guid> Places { get; } = PartitionedRateLimiter.Create<Guid, Guid>(
            tenant => RateLimitPartition.GetConcurrencyLimiter(tenant, _ => new ConcurrencyLimiterOptions { PermitLimit = Max, QueueLimit = Queued }));

        public ProblemResult Refusal => Problem.RateLimited(
            $"The tenant has as many {Words} under way as it may, {Max}; try again when one has ended", new LimitDetails(Name, Max, Max, 0), RetryAfterSeconds);

        public LimitView Show(Guid tenant)
        {
            var now = Places.GetStatistics(tenant)!;
            return LimitView.Of(
                Name, "tenant", Max, Max - now.CurrentAvailablePermits, Words, AtLimit,
                now.CurrentAvailablePermits == 0 && now.CurrentQueuedCount >= Queued ? "blocked" : null);
        }

        private string AtLimit => (Queued == 0
            ? "One more is refused at once"
            : $"{Queued} more wait for one to end, {QueueSeconds} s at most; one that gets no place, or finds no room to wait, is refused")
            + $": 429 rate_limited with Retry-After {RetryAfterSeconds}.";
    }
}
