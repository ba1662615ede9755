namespace EasySmart.Ingestion.Devices;

/// <summary>Fills a replica that is found empty from its owner's snapshot. Meanwhile messages of devices not yet there are asked for one by one.</summary>
internal sealed partial class ReplicaRebuild(
    DirectoryKeeper keeper, DeviceDirectory directory, DeviceReplica replica, DeviceOwner owner, ILogger<ReplicaRebuild> logger) : BackgroundService
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await keeper.Loaded.WaitAsync(stoppingToken);
        if (directory.Count > 0)
        {
            return;
        }

        var (after, pause) = (0L, TimeSpan.FromSeconds(1));
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var page = await owner.PageAsync(after, stoppingToken);
                if (page.Count > 0)
                {
                    await replica.WriteAsync(page, stoppingToken);
                    after = page.Max(device => device.Version);
                }

                if (page.Count < DeviceOwner.PageSize)
                {
                    LogRebuilt(after);
                    return;
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(exception.Message);
                await Task.Delay(pause, stoppingToken);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The replica of the devices was rebuilt up to version {Version}")]
    private partial void LogRebuilt(long version);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The replica of the devices is rebuilt later: {Reason}")]
    private partial void LogLater(string reason);
}
