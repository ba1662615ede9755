using System.Threading.Channels;

namespace EasySmart.DeviceProvisioning.Sessions;

/// <summary>Lets a worker sleep until there is something to do, and not longer than a while. Being called while awake is not forgotten.</summary>
internal sealed class Wake
{
    private readonly Channel<bool> _called = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Now() => _called.Writer.TryWrite(true);

    public async Task WaitAsync(TimeSpan atMost, TimeProvider clock, CancellationToken cancellation)
    {
        using var time = new CancellationTokenSource(atMost, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, cancellation);
        try
        {
            await _called.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // Then without being called.
        }
    }
}
