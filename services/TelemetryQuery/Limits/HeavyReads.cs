using System.Globalization;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.Extensions.Options;

namespace EasySmart.TelemetryQuery.Limits;

/// <summary>
/// What reads a lot from the table that ingestion writes to, and would take the processors from it: exports, and aggregates that are computed
/// from the readings. Each of the two takes <see cref="QueryLimitOptions.HeavyShare"/> of a processor on an instance, whoever asks.
/// </summary>
internal sealed class HeavyReads : IDisposable
{
    private readonly QueryLimitOptions _options;
    private readonly TimeProvider _clock;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly Pace _aggregates;
    private int _exports;

    public HeavyReads(IOptions<QueryLimitOptions> options, TimeProvider clock)
    {
        (_options, _clock) = (options.Value, clock);
        _aggregates = new Pace(() => _options.HeavyShare, clock);
    }

    /// <summary>Begins an export; those under way divide the share.</summary>
    public Export BeginExport() => new(this);

    /// <summary>
    /// Waits for the turn of an aggregate: one at a time, after a rest from those before; no longer than a statement may take. It is over when
    /// its place is disposed of.
    /// </summary>
    public async ValueTask<Admission> EnterAggregateAsync(CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(_options.StatementSeconds), _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        var entered = false;
        try
        {
            await _turn.WaitAsync(either.Token);
            entered = true;
            await _aggregates.RestAsync(either.Token);
            return new Admission(new Turn(this), null);
        }
        catch (OperationCanceledException fault)
        {
            if (entered)
            {
                _turn.Release();
            }

            return cancellation.IsCancellationRequested ? throw new OperationCanceledException(fault.Message, fault, cancellation) : new Admission(null, Refusal());
        }
    }

    public void Dispose() => _turn.Dispose();

    private ProblemResult Refusal() => Problem.RateLimited(
        string.Create(
            CultureInfo.InvariantCulture,
            $"What is computed from the readings themselves takes turns, and none came within {_options.StatementSeconds} s; buckets of 15m or longer without p95 need none"),
        new LimitDetails("aggregates_from_readings", 1, 1, 0),
        _options.StatementSeconds);

    /// <summary>An export under way; disposed of at its end.</summary>
    internal sealed class Export : IDisposable
    {
        private readonly HeavyReads _all;
        private readonly Pace _pace;
        private long _began;

        public Export(HeavyReads all)
        {
            _all = all;
            _pace = new Pace(() => all._options.HeavyShare / Volatile.Read(ref all._exports), all._clock);
            _began = all._clock.GetTimestamp();
            Interlocked.Increment(ref all._exports);
        }

        /// <summary>Rests from what was done since the rest before.</summary>
        public async ValueTask RestAsync(CancellationToken cancellation)
        {
            _pace.Count(_all._clock.GetElapsedTime(_began));
            await _pace.RestAsync(cancellation);
            _began = _all._clock.GetTimestamp();
        }

        public void Dispose() => Interlocked.Decrement(ref _all._exports);
    }

    private sealed class Turn(HeavyReads all) : IDisposable
    {
        private readonly long _began = all._clock.GetTimestamp();

        public void Dispose()
        {
            all._aggregates.Count(all._clock.GetElapsedTime(_began));
            all._turn.Release();
        }
    }
}
