using System.Globalization;
using EasySmart.ServiceDefaults.Errors;

namespace EasySmart.TelemetryQuery.Limits;

/// <summary>
/// Aggregates that are computed from many readings go one at a time. Each tenant has one in the queue, however many it asks for, and rests from
/// its own; from the others' it rests for a few seconds at most, so that nobody's analysis keeps another from its own.
/// </summary>
internal sealed class AggregateTurns(QueryLimitOptions options, TimeProvider clock) : IDisposable
{
    private const string Name = "aggregates_from_readings";

    private static readonly TimeSpan s_mostFromOthers = TimeSpan.FromSeconds(5);

    // With the statement's own time within that for which the gateway waits.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private readonly SemaphoreSlim _one = new(1);
    private readonly Pace _all = new(() => options.HeavyShare, TimeSpan.MaxValue, s_mostFromOthers, clock);
    private readonly Dictionary<Guid, Own> _tenants = [];
    private readonly Lock _lock = new();

    /// <summary>Waits for a turn, for 20 seconds at most. It is over when its place is disposed of.</summary>
    public async ValueTask<Admission> EnterAsync(Guid tenant, CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(s_patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        var turn = new Turn(this, Find(tenant), clock);
        try
        {
            return await turn.TryBeginAsync(either.Token) ? new Admission(turn, null) : Refuse();
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return Refuse();
        }
        catch
        {
            turn.Dispose();
            throw;
        }

        Admission Refuse()
        {
            var wait = turn.Owed;
            turn.Dispose();
            return new Admission(null, Refusal(wait));
        }
    }

    /// <summary>Whether the tenant has or waits for a turn now, and when it has rested. Asking is no turn.</summary>
    public LimitView Show(Guid tenant)
    {
        Own? own;
        int used;
        lock (_lock)
        {
            own = _tenants.GetValueOrDefault(tenant);
            used = own is { Users: > 0 } ? 1 : 0;
        }

        var owed = OwedBy(own);
        return LimitView.Of(
            Name, "tenant", 1, used, "aggregates",
            string.Create(
                CultureInfo.InvariantCulture,
                $"Aggregates of many readings go one at a time, and rest so that all tenants' together take {options.HeavyShare * 100:0.#} % of one processor. "
                    + $"One more waits up to {s_patience.TotalSeconds:0} s for its turn; one that would rest for longer, or whose turn does not come, is refused: "
                    + $"429 rate_limited, with the seconds left to rest as Retry-After. Buckets of 15m or longer without p95 need no turn."),
            own is { RestsTooLong: true } ? "blocked" : null,
            resetsAt: owed > TimeSpan.Zero ? clock.GetUtcNow() + owed : null);
    }

    public void Dispose() => _one.Dispose();

    // How long it is until the tenant has rested, from its own and from others'.
    private TimeSpan OwedBy(Own? own) => own is not null && own.Pace.Owed > _all.Owed ? own.Pace.Owed : _all.Owed;

    // Tenants that owe nothing are forgotten.
    private Own Find(Guid tenant)
    {
        lock (_lock)
        {
            foreach (var (id, one) in _tenants)
            {
                if (one.Users == 0 && one.Pace.Owed <= -Pace.MostSaved)
                {
                    _tenants.Remove(id);
                }
            }

            if (!_tenants.TryGetValue(tenant, out var own))
            {
                _tenants[tenant] = own = new Own(new Pace(() => options.HeavyShare, TimeSpan.MaxValue, TimeSpan.MaxValue, clock));
            }

            own.Users++;
            return own;
        }
    }

    private void Leave(Own own)
    {
        lock (_lock)
        {
            own.Users--;
        }
    }

    private static ProblemResult Refusal(TimeSpan wait)
    {
        var seconds = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds));
        return Problem.RateLimited(
            string.Create(
                CultureInfo.InvariantCulture,
                $"Aggregates of many readings take turns and rest in between; try again in {seconds} s, or ask for buckets of 15m or longer without p95, which need none"),
            new LimitDetails(Name, 1, 1, 0),
            seconds);
    }

    private sealed class Own(Pace pace)
    {
        public Pace Pace => pace;

        /// <summary>Longer than anybody would wait.</summary>
        public bool RestsTooLong => pace.Owed > s_patience;

        public SemaphoreSlim One { get; } = new(1);

        /// <summary>How many wait or have a turn.</summary>
        public int Users { get; set; }
    }

    private sealed class Turn(AggregateTurns all, Own own, TimeProvider clock) : IDisposable
    {
        private bool _hasOwn;
        private bool _hasAll;
        private long? _began;

        public TimeSpan Owed => all.OwedBy(own);

        /// <summary>False when the tenant has to rest for longer than anybody would wait.</summary>
        public async Task<bool> TryBeginAsync(CancellationToken cancellation)
        {
            await own.One.WaitAsync(cancellation);
            _hasOwn = true;
            if (own.RestsTooLong)
            {
                return false;
            }

            await own.Pace.RestAsync(cancellation);
            await all._one.WaitAsync(cancellation);
            _hasAll = true;
            await all._all.RestAsync(cancellation);
            _began = clock.GetTimestamp();
            return true;
        }

        public void Dispose()
        {
            if (_began is { } began)
            {
                var work = clock.GetElapsedTime(began);
                own.Pace.Count(work);
                all._all.Count(work);
            }

            if (_hasAll)
            {
                all._one.Release();
            }

            if (_hasOwn)
            {
                own.One.Release();
            }

            all.Leave(own);
        }
    }
}
