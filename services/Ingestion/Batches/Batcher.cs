using System.Diagnostics;
using Microsoft.Extensions.Options;

namespace EasySmart.Ingestion.Batches;

/// <summary>Gathers messages into batches: one in so many milliseconds, or sooner when a batch is full or somebody waits for it.</summary>
internal sealed class Batcher(Lanes lanes, BatchWriter writer, IOptions<IngestionOptions> options)
{
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(2);
    private readonly int _rows = options.Value.BatchRows;
    private readonly TimeSpan _time = TimeSpan.FromMilliseconds(options.Value.BatchMilliseconds);
    private readonly LateAllowance _late = new(options.Value.LateMessagesPerSecond, options.Value.BatchRows / 4);
    private Task<bool>? _moreLive;
    private Task<bool>? _moreLate;

    /// <summary>Runs until the lanes are complete and empty, or until a failed commit finds the service <paramref name="stopping"/>.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        var taken = 0L;
        while (await MoreAsync())
        {
            // So long after the last batch, not after the first message: what has waited while a batch was written goes at once. One sleep
            // for it, since to be woken by each message costs more than all else that is done for it. Once the service stops, nothing is
            // waited for.
            if (_time - Stopwatch.GetElapsedTime(taken) is var left && left > TimeSpan.Zero)
            {
                await lanes.Hurry.WaitAsync(left, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            // Who was just answered sends again: a breath makes one commit of what would be three.
            if (lanes.Live.Count < _rows)
            {
                await Task.Delay(Breath, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            taken = Stopwatch.GetTimestamp();
            lanes.Calm();
            await writer.WriteAsync(Take(), stopping);
        }
    }

    /// <summary>Live messages first; late ones get what was set aside for them, and all the room that live ones leave.</summary>
    private List<Message> Take()
    {
        var batch = new List<Message>(Math.Min(_rows, lanes.Live.Count + lanes.Late.Count));
        var rows = 0;
        while (rows < _rows && lanes.Late.TryPeek(out _) && _late.TryUse() && lanes.Late.TryRead(out var late))
        {
            Add(late);
        }

        while (rows < _rows && lanes.Live.TryRead(out var live))
        {
            Add(live);
        }

        while (rows < _rows && lanes.Late.TryRead(out var late))
        {
            Add(late);
        }

        return batch;

        void Add(Message message)
        {
            batch.Add(message);
            rows += message.Rows;
        }
    }

    /// <summary>Waits for messages of either lane; the wait for the other one is taken up again.</summary>
    private async Task<bool> MoreAsync()
    {
        _moreLive = _moreLive is null or { IsCompleted: true } ? lanes.Live.WaitToReadAsync().AsTask() : _moreLive;
        _moreLate = _moreLate is null or { IsCompleted: true } ? lanes.Late.WaitToReadAsync().AsTask() : _moreLate;
        var first = await Task.WhenAny(_moreLive, _moreLate);
        return await first || await (first == _moreLive ? _moreLate : _moreLive);
    }
}
