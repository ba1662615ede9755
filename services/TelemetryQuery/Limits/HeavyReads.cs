using EasySmart.ServiceDefaults.Errors;
using Microsoft.Extensions.Options;

namespace EasySmart.TelemetryQuery.Limits;

/// <summary>
/// What reads a lot from the table that ingestion writes to, and would take the processors from it: exports, and aggregates that are computed
/// from many readings. Each of the two takes <see cref="QueryLimitOptions.HeavyShare"/> of a processor on an instance, whoever asks.
/// </summary>
internal sealed class HeavyReads(IOptions<QueryLimitOptions> options, TimeProvider clock) : IDisposable
{
    private readonly AggregateTurns _aggregates = new(options.Value, clock);
    private int _exports;

    private double ExportShare => options.Value.HeavyShare / Volatile.Read(ref _exports);

    /// <summary>Begins an export; those under way divide the share.</summary>
    public Export BeginExport() => new(this, clock);

    /// <inheritdoc cref="AggregateTurns.EnterAsync"/>
    public ValueTask<Admission> EnterAggregateAsync(Guid tenant, CancellationToken cancellation) => _aggregates.EnterAsync(tenant, cancellation);

    /// <inheritdoc cref="AggregateTurns.Show"/>
    public LimitView ShowAggregates(Guid tenant) => _aggregates.Show(tenant);

    public void Dispose() => _aggregates.Dispose();

    /// <summary>An export under way; disposed of at its end.</summary>
    internal sealed class Export : IDisposable
    {
        // A piece that takes longer waits for its client rather than works.
        private static readonly TimeSpan s_longestPiece = TimeSpan.FromSeconds(1);

        private readonly HeavyReads _all;
        private readonly TimeProvider _clock;
        private readonly Pace _pace;
        private long _began;

        public Export(HeavyReads all, TimeProvider clock)
        {
            (_all, _clock) = (all, clock);
            _pace = new Pace(() => all.ExportShare, s_longestPiece, TimeSpan.MaxValue, clock);
            _began = clock.GetTimestamp();
            Interlocked.Increment(ref all._exports);
        }

        /// <summary>Rests from what was done since the rest before.</summary>
        public async ValueTask RestAsync(CancellationToken cancellation)
        {
            _pace.Count(_clock.GetElapsedTime(_began));
            await _pace.RestAsync(cancellation);
            _began = _clock.GetTimestamp();
        }

        public void Dispose() => Interlocked.Decrement(ref _all._exports);
    }
}
