using System.Diagnostics;
using Microsoft.Extensions.Options;

namespace EasySmart.Ingestion.Batches;

/// <summary>Gathers messages into batches: so many rows, or for so long, whichever comes first.</summary>
internal sealed class Batcher(Lanes lanes, BatchWriter writer, IOptions<IngestionOptions> options)
{
    private readonly int _rows = options.Value.BatchRows;
    private readonly TimeSpan _time = TimeSpan.FromMilliseconds(options.Value.BatchMilliseconds);
    private readonly LateAllowance _late = new(options.Value.LateMessagesPerSecond, options.Value.BatchRows / 4);
    private Task<bool>? _moreLive;
    private Task<bool>? _moreLate;

    /// <summary>Runs until the lanes are complete and empty, or until a failed commit finds the service <paramref name="stopping"/>.</summary>
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
        var rows = 0;
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            Take(batch, ref rows);
            var left = _time - Stopwatch.GetElapsedTime(since);
            if (rows >= _rows || left <= TimeSpan.Zero)
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

    /// <summary>Live messages first; late ones get what was set aside for them, and all the room that live ones leave.</summary>
    private void Take(List<Message> batch, ref int rows)
    {
        while (rows < _rows && lanes.Late.TryPeek(out _) && _late.TryUse() && lanes.Late.TryRead(out var late))
        {
            Add(late, ref rows);
        }

        while (rows < _rows && lanes.Live.TryRead(out var live))
        {
            Add(live, ref rows);
        }

        while (rows < _rows && lanes.Late.TryRead(out var late))
        {
            Add(late, ref rows);
        }

        void Add(Message message, ref int rows)
        {
            batch.Add(message);
            rows += message.Rows;
        }
    }

    /// <summary>Waits for messages of either lane; the same waits are taken up again after a batch that ended by time.</summary>
    private async Task<bool> MoreAsync()
    {
        _moreLive = _moreLive is null or { IsCompleted: true } ? lanes.Live.WaitToReadAsync().AsTask() : _moreLive;
        _moreLate = _moreLate is null or { IsCompleted: true } ? lanes.Late.WaitToReadAsync().AsTask() : _moreLate;
        var first = await Task.WhenAny(_moreLive, _moreLate);
        return await first || await (first == _moreLive ? _moreLate : _moreLive);
    }
}
