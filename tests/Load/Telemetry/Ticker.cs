using System.Diagnostics;
using System.Globalization;

namespace EasySmart.Load;

/// <summary>Tells once a second how far a round is, and keeps what it told.</summary>
internal sealed class Ticker : IAsyncDisposable
{
    private readonly CancellationTokenSource _ended = new();
    private readonly List<long> _timeline = [];
    private readonly List<double> _residentMib = [];
    private readonly Task _ticking;

    /// <param name="kind">Of the round.</param>
    /// <param name="progress">Of the publishers.</param>
    /// <param name="arrivedName">What the third number is.</param>
    /// <param name="arrived">How many have come to the end.</param>
    /// <param name="watched">A process whose memory is looked at; null for none.</param>
    public Ticker(string kind, Progress progress, string arrivedName, Func<Task<long>> arrived, int? watched) =>
        _ticking = TickAsync(kind, progress, arrivedName, arrived, watched);

    public IReadOnlyList<long> Timeline => _timeline;

    public IReadOnlyList<double> ResidentMib => _residentMib;

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _ticking;
        _ended.Dispose();
    }

    private async Task TickAsync(string kind, Progress progress, string arrivedName, Func<Task<long>> arrived, int? watched)
    {
        var (before, clock) = (await arrived(), Stopwatch.StartNew());
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
        try
        {
            for (var start = before; await timer.WaitForNextTickAsync(_ended.Token);)
            {
                var now = await arrived();
                _timeline.Add(now - before);
                before = now;
                if (watched is { } process)
                {
                    _residentMib.Add(Processes.ResidentMibOf(process));
                }

                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"  {kind} {clock.Elapsed.TotalSeconds,4:0} s  published {progress.PublishedReadings,9:N0}  acknowledged {progress.AcknowledgedReadings,9:N0}  {arrivedName} {now - start,9:N0}"));
            }
        }
        catch (OperationCanceledException)
        {
            // The round is over.
        }
    }
}
