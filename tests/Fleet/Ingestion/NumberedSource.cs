using System.Text;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>
/// Sends readings of a device with the values 0, 1, 2, … for as long as it is let, and knows which of them were acknowledged. Nothing is sent
/// twice: what came to nothing is left, and the next number follows. So whatever is stored twice was doubled behind the broker.
/// </summary>
/// <param name="device">The device.</param>
/// <param name="withTime">Whether its readings name their time.</param>
/// <param name="padding">Characters in each payload beside the number.</param>
internal abstract class NumberedSource(Device device, bool withTime, int padding = 0) : IAsyncDisposable
{
    private const int Window = 20;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(10);
    private readonly Lock _lock = new();
    private readonly HashSet<int> _acknowledged = [];
    private readonly CancellationTokenSource _enough = new();
    private readonly string _padding = padding > 0 ? $", \"padding\": \"{new string('.', padding)}\"" : "";
    private readonly long _start = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
    private Task _running = Task.CompletedTask;
    private volatile bool _abandoned;
    private int _next;

    public Device Device => device;

    public bool WithTime => withTime;

    public int Published => Volatile.Read(ref _next);

    public int Acknowledged
    {
        get
        {
            lock (_lock)
            {
                return _acknowledged.Count;
            }
        }
    }

    public bool IsAcknowledged(int number)
    {
        lock (_lock)
        {
            return _acknowledged.Contains(number);
        }
    }

    /// <summary>Waits until so many are acknowledged.</summary>
    public Task AcknowledgedAsync(int count) => Eventually.TrueAsync(() => Task.FromResult(Acknowledged >= count), seconds: 120);

    /// <summary>Ends with a reading that is acknowledged.</summary>
    public async Task EndAsync()
    {
        await _enough.CancelAsync();
        await _running.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        _abandoned = true;
        await _enough.CancelAsync();
        await _running;
        _enough.Dispose();
        Close();
    }

    protected void Start() => _running = Task.Run(RunAsync);

    /// <summary>Whether it is connected, after an attempt if it was not.</summary>
    protected abstract Task<bool> IsConnectedAsync();

    /// <summary>Sends a payload once; true when it was acknowledged. What is thrown means that nobody knows whether it got through.</summary>
    protected abstract Task<bool> SendAsync(byte[] payload);

    protected abstract void Close();

    private async Task RunAsync()
    {
        using var pace = new PeriodicTimer(Pace);
        var window = new SemaphoreSlim(Window);
        while (!_enough.IsCancellationRequested)
        {
            await pace.WaitForNextTickAsync();
            if (await IsConnectedAsync())
            {
                await window.WaitAsync();
                _ = SendNextAsync().ContinueWith(_ => window.Release(), TaskScheduler.Default);
            }
        }

        for (var left = Window; left > 0; left--)
        {
            await window.WaitAsync();
        }

        while (!_abandoned && (!await IsConnectedAsync() || !await SendNextAsync()))
        {
            await pace.WaitForNextTickAsync();
        }
    }

    private async Task<bool> SendNextAsync()
    {
        var number = Interlocked.Increment(ref _next) - 1;
        var time = WithTime ? $", \"ts\": {_start + number}" : "";
        try
        {
            if (!await SendAsync(Encoding.UTF8.GetBytes($$"""{"value": {{number}}{{time}}{{_padding}}}""")))
            {
                return false;
            }
        }
        catch (Exception)
        {
            return false;
        }

        lock (_lock)
        {
            return _acknowledged.Add(number);
        }
    }
}
