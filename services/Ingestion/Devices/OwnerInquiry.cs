namespace EasySmart.Ingestion.Devices;

/// <summary>Asks a device's owner about it, for a message that cannot be decided from memory.</summary>
internal sealed partial class OwnerInquiry(DeviceDirectory directory, DeviceOwner owner, ILogger<OwnerInquiry> logger) : IDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Expected = TimeSpan.FromSeconds(30);
    private readonly SemaphoreSlim _askers = new(16);

    /// <summary>Returns when the owner has answered, or its event came first; tries for as long as it takes.</summary>
    public async Task AskAsync(Message message, CancellationToken cancellation)
    {
        var (pause, waited) = (FirstPause, TimeSpan.Zero);
        while (true)
        {
            await _askers.WaitAsync(cancellation);
            try
            {
                // It may have become known by its event; and of many requests that waited here for one device the first has asked.
                if (directory.Judge(message.TenantId, message.DeviceId, out _, out _) != Verdict.AskOwner)
                {
                    return;
                }

                if (await owner.FindAsync(message.DeviceId, cancellation) is { } device)
                {
                    directory.Apply(device);
                }

                directory.OwnerAnswered(message.TenantId, message.DeviceId);
                return;
            }
            catch (Exception exception) when (!cancellation.IsCancellationRequested)
            {
                LogUnanswered(waited < Expected ? LogLevel.Debug : LogLevel.Warning, message.DeviceId, exception.Message);
            }
            finally
            {
                _askers.Release();
            }

            await Task.Delay(pause, cancellation);
            waited += pause;
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    public void Dispose() => _askers.Dispose();

    [LoggerMessage(Message = "Messages of device {Device} wait: its owner does not answer: {Reason}")]
    private partial void LogUnanswered(LogLevel level, Guid device, string reason);
}
