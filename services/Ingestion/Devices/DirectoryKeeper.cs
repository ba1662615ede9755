using EasySmart.Ingestion.Mqtt;
using EasySmart.Ingestion.Quotas;
using EasySmart.Ingestion.Tenants;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace EasySmart.Ingestion.Devices;

/// <summary>
/// Keeps the directory, the tenants' quotas, and who of them is shut out, like the replicas: everything at first, then what is newer at each
/// notice, after each reconnect, and now and then without a reason. The notice can get lost with its connection; the table cannot.
/// </summary>
internal sealed partial class DirectoryKeeper(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, DeviceDirectory directory, ShutOutTenants tenants, TenantQuotas quotas,
    Outages outages, IOptions<MqttOptions> mqtt, ILogger<DirectoryKeeper> logger)
    : ListeningService(database, [DeviceReplica.Channel, ApplyTenantStatus.Channel, ApplyTenantQuota.Channel], logger)
{
    private static readonly TimeSpan WithoutNotice = TimeSpan.FromSeconds(30);
    private readonly TaskCompletionSource _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private DateTime? _since;
    private bool _told;

    /// <summary>The directory was filled once. Before, every device would look unknown, and every tenant active and without limits.</summary>
    public Task Loaded => _loaded.Task;

    protected override void Hear(string channel, string payload) => _told = true;

    protected override async Task ListenAsync(NpgsqlConnection connection, CancellationToken stopping)
    {
        while (true)
        {
            _told = false;
            await tenants.ReadAsync(connection, stopping);
            await quotas.ReadAsync(connection, _since, stopping);
            _since = await DeviceReplica.ReadAsync(connection, _since, directory.Apply, stopping);
            if (!_loaded.Task.IsCompleted)
            {
                await MinuteRows.ResumeAsync(connection, directory, stopping);
                await Heartbeat.ResumeAsync(connection, mqtt.Value.ClientId, outages, stopping);
                _loaded.SetResult();
                LogLoaded(directory.Count);
            }

            // A notice that comes while something is read is told with the end of that, and nobody would wait for it any more.
            if (!_told)
            {
                await connection.WaitAsync(WithoutNotice, stopping);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Count} devices are known")]
    private partial void LogLoaded(int count);
}
