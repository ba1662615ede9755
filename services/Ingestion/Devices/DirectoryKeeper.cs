using EasySmart.Ingestion.Quotas;
using EasySmart.Ingestion.Tenants;
using Npgsql;

namespace EasySmart.Ingestion.Devices;

/// <summary>
/// Keeps the directory, the tenants' quotas, and who of them is shut out, like the replicas: everything at first, then what is newer at each
/// notice, after each reconnect, and now and then without a reason. The notice can get lost with its connection; the table cannot.
/// </summary>
internal sealed partial class DirectoryKeeper(
    DeviceReplica replica, DeviceDirectory directory, ShutOutTenants tenants, TenantQuotas quotas, ILogger<DirectoryKeeper> logger)
    : BackgroundService
{
    private static readonly TimeSpan WithoutNotice = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);
    private readonly TaskCompletionSource _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private DateTime? _since;

    /// <summary>The directory was filled once. Before, every device would look unknown, and every tenant active and without limits.</summary>
    public Task Loaded => _loaded.Task;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogLost(exception.Message);
                await Task.Delay(Pause, stoppingToken);
            }
        }
    }

    private async Task ListenAsync(CancellationToken stopping)
    {
        await using var connection = await replica.OpenAsync(stopping);
        await using (var listen = new NpgsqlCommand($"LISTEN {DeviceReplica.Channel}; LISTEN {ApplyTenantStatus.Channel}; LISTEN {ApplyTenantQuota.Channel}", connection))
        {
            await listen.ExecuteNonQueryAsync(stopping);
        }

        // A notice that comes while something is read is told with the end of that, and nobody would wait for it any more.
        var told = false;
        connection.Notification += (_, _) => told = true;
        while (true)
        {
            told = false;
            await tenants.ReadAsync(connection, stopping);
            await quotas.ReadAsync(connection, _since, stopping);
            _since = await DeviceReplica.ReadAsync(connection, _since, directory.Apply, stopping);
            if (!_loaded.Task.IsCompleted)
            {
                await MinuteRows.ResumeAsync(connection, directory, stopping);
                _loaded.SetResult();
                LogLoaded(directory.Count);
            }

            if (!told)
            {
                await connection.WaitAsync(WithoutNotice, stopping);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Count} devices are known")]
    private partial void LogLoaded(int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Changes of devices and tenants are not heard until the database is back: {Reason}")]
    private partial void LogLost(string reason);
}
