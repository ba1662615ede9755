namespace EasySmart.Broker;

/// <summary>
/// When a service's queue makes publishers wait, and when it lets them go on: some way apart, or each message that
/// leaves would wake them all for one place. Guarded by its session's lock, but for <see cref="Room"/>.
/// </summary>
internal sealed class WaterMarks(int queueLength)
{
    private readonly int _high = Math.Max(1, (int)(queueLength * 0.9));
    private readonly int _low = (int)(queueLength * 0.8);
    private TaskCompletionSource? _room;

    public Task? Room => Volatile.Read(ref _room)?.Task;

    public void Rise(int depth)
    {
        if (depth >= _high)
        {
            _room ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    public void Fall(int depth)
    {
        if (_room is not null && depth <= _low)
        {
            _room.SetResult();
            _room = null;
        }
    }
}
