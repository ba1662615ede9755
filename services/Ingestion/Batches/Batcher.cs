using System.Diagnostics;
using Microsoft.Extensions.Options;

namespace EasySmart.Ingestion.Batches;

/// <summary>Gathers messages into batches: so many, or for so long, whichever comes first.</summary>
internal sealed class Batcher(Intake intake, BatchWriter writer, IOptions<IngestionOptions> options)
{
    private readonly int _rows = options.Value.BatchRows;
    private readonly TimeSpan _time = TimeSpan.FromMilliseconds(options.Value.BatchMilliseconds);
    private Task<bool>? _more;

    /// <summary>Runs until the intake is complete and empty, or until a failed commit finds the service <paramref name="stopping"/>.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        while (await MoreAsync())
        {
            await writer.WriteAsync(await GatherAsync(), stopping);
        }
    }

    private async Task<List<Message>> GatherAsync()
    {
        var batch = new List<Message>(Math.Min(_rows, 4096));
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            while (batch.Count < _rows && intake.Batches.TryRead(out var message))
            {
                batch.Add(message);
            }

            var left = _time - Stopwatch.GetElapsedTime(since);
            if (batch.Count >= _rows || left <= TimeSpan.Zero)
            {
                return batch;
            }

            var more = MoreAsync();
            if (await Task.WhenAny(more, Task.Delay(left)) != more || !await more)
            {
                return batch;
            }

            // A breath, or each message would wake this loop by itself.
            await Task.Delay(1);
        }
    }

    /// <summary>Waits for messages; the same wait is taken up again after a batch that ended by time.</summary>
    private Task<bool> MoreAsync()
    {
        if (_more is null or { IsCompleted: true })
        {
            _more = intake.Batches.WaitToReadAsync().AsTask();
        }

        return _more;
    }
}
