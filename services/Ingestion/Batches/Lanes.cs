using System.Threading.Channels;
using Microsoft.Extensions.Options;

namespace EasySmart.Ingestion.Batches;

/// <summary>
/// Where messages wait for their batch: live ones in the order of their arrival, and late ones, older than <see cref="LateAfter"/>, beside
/// them, so that a gateway that was offline for hours does not hold up what happens now. Full means that the sources wait, and the broker
/// with them; nothing is refused because of that.
/// </summary>
internal sealed class Lanes
{
    private static readonly long LateAfter = (long)TimeSpan.FromMinutes(5).TotalMicroseconds;

    private readonly int _full;
    private readonly Channel<Message> _live;
    private readonly Channel<Message> _late;
    private TaskCompletionSource _hurry = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Lanes(IOptions<IngestionOptions> options, IngestionMetrics metrics)
    {
        _full = options.Value.BatchRows;
        // Room for the batch that is filling while one is written.
        _live = Bounded(2 * options.Value.BatchRows);
        _late = Bounded(options.Value.LateMessages);
        metrics.Show("telemetry.channel.depth", "Messages parsed and not yet in a batch", () => _live.Reader.Count);
        metrics.Show("telemetry.channel.late", "The same of messages with readings older than 5 minutes", () => _late.Reader.Count);
    }

    public ChannelReader<Message> Live => _live.Reader;

    public ChannelReader<Message> Late => _late.Reader;

    /// <summary>Completes when a message comes that somebody waits for, or when a batch is full.</summary>
    public Task Hurry => _hurry.Task;

    /// <summary>What is there is taken now: from here on <see cref="Hurry"/> is about others.</summary>
    public void Calm() => _hurry = _hurry.Task.IsCompleted ? new(TaskCreationOptions.RunContinuationsAsynchronously) : _hurry;

    public async ValueTask WriteAsync(Message message, CancellationToken cancellation)
    {
        await WriteToLaneAsync(message, cancellation);
        if (message.IsAwaited || _live.Reader.Count >= _full)
        {
            Volatile.Read(ref _hurry).TrySetResult();
        }
    }

    private ValueTask WriteToLaneAsync(Message message, CancellationToken cancellation)
    {
        if (!IsLate(message))
        {
            return _live.Writer.WriteAsync(message, cancellation);
        }

        // It may wait for long, and those behind it must not wait for their acknowledgement.
        message.OutOfLine = true;
        return _late.Writer.WriteAsync(message, cancellation);
    }

    /// <summary>No more messages come.</summary>
    public void Complete()
    {
        _live.Writer.TryComplete();
        _late.Writer.TryComplete();
    }

    /// <summary>Whether a reading was late when it arrived.</summary>
    public static bool IsLate(Reading reading) => reading.Time < reading.Message.ReceivedAt - LateAfter;

    /// <summary>Whether a message is; one with a reading of now among old ones is not.</summary>
    public static bool IsLate(Message message)
    {
        var late = false;
        foreach (var reading in message.Readings)
        {
            if (reading.Rejection is null && !(late = IsLate(reading)))
            {
                return false;
            }
        }

        return late;
    }

    private static Channel<Message> Bounded(int messages) => Channel.CreateBounded<Message>(new BoundedChannelOptions(messages)
    {
        SingleReader = true,
        FullMode = BoundedChannelFullMode.Wait,
    });
}
