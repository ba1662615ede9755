using Microsoft.Extensions.Options;

namespace EasySmart.Ingestion.Devices;

/// <summary>
/// Where messages wait whose device the directory cannot vouch for, while its owner is asked: once for each device, and again only when
/// the owner could not be reached. A message is never refused because of that; it waits on, unacknowledged. The room is bounded; when it
/// is full its sources wait.
/// </summary>
internal sealed partial class WaitingRoom(
    OwnerInquiry inquiry, IOptions<IngestionOptions> options, IngestionMetrics metrics, ILogger<WaitingRoom> logger)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, Queue<Message>> _waiting = [];
    private TaskCompletionSource _roomMade = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _count;
    private int _bytes;

    /// <summary>Lets a message go on; false when the owner must be asked (again).</summary>
    public delegate ValueTask<bool> Release(Message message, CancellationToken cancellation);

    public void ShowMetrics() => metrics.Show("telemetry.waiting", "Messages waiting for their device to become known", () => Volatile.Read(ref _count));

    public bool Holds(Guid device)
    {
        if (Volatile.Read(ref _count) == 0)
        {
            return false;
        }

        lock (_lock)
        {
            return _waiting.ContainsKey(device);
        }
    }

    public async ValueTask AddAsync(Message message, Release release, CancellationToken cancellation)
    {
        while (true)
        {
            Task roomMade;
            lock (_lock)
            {
                // What is larger than the room is let into the empty one.
                if (_count == 0 || (_count < options.Value.WaitingMessages && _bytes + message.Size <= options.Value.WaitingBytes))
                {
                    Enter(message, release, cancellation);
                    return;
                }

                roomMade = _roomMade.Task;
            }

            await roomMade.WaitAsync(cancellation);
        }
    }

    private void Enter(Message message, Release release, CancellationToken cancellation)
    {
        message.OutOfLine = true;
        _count++;
        _bytes += message.Size;
        if (!_waiting.TryGetValue(message.DeviceId, out var queue))
        {
            _waiting[message.DeviceId] = queue = new Queue<Message>();
            _ = Task.Run(() => EmptyAsync(message.DeviceId, queue, release, cancellation), CancellationToken.None);
        }

        queue.Enqueue(message);
    }

    /// <summary>Lets a device's messages go in their order, those too that come meanwhile.</summary>
    private async Task EmptyAsync(Guid device, Queue<Message> queue, Release release, CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                Message next;
                lock (_lock)
                {
                    if (!queue.TryPeek(out next!))
                    {
                        _waiting.Remove(device);
                        return;
                    }
                }

                if (await release(next, cancellation))
                {
                    Leave(queue);
                }
                else
                {
                    await inquiry.AskAsync(next, cancellation);
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Stopping: what waits was not acknowledged and comes again.
        }
        catch (Exception exception)
        {
            LogStuck(exception, device);
        }
    }

    private void Leave(Queue<Message> queue)
    {
        lock (_lock)
        {
            _bytes -= queue.Dequeue().Size;
            _count--;
            _roomMade.TrySetResult();
            _roomMade = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Messages of device {Device} are stuck until the service is restarted")]
    private partial void LogStuck(Exception exception, Guid device);
}
