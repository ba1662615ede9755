using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Quotas;

/// <summary>
/// Fills the replica from its owner at every start: one that only looks filled (an event came, and the service went down before the rest)
/// is filled too. What changes meanwhile arrives as events, and versions keep the two from disturbing each other. BillingQuota may be away:
/// the service works on and asks again.
/// </summary>
public sealed partial class RebuildQuotas(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database,
    IHttpClientFactory clients,
    IConfiguration configuration,
    TimeProvider clock,
    ILogger<RebuildQuotas> logger) : BackgroundService
{
    /// <summary>Configuration key of BillingQuota's address.</summary>
    public const string AddressKey = "services:billing-quota:http:0";

    private const int PageSize = 1000;
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (configuration[AddressKey] is not { Length: > 0 } address)
        {
            LogNoAddress(AddressKey);
            return;
        }

        var pause = TimeSpan.FromMilliseconds(500);
        while (true)
        {
            try
            {
                await RebuildAsync(new Uri(address), stoppingToken);
                return;
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(exception.Message);
            }

            await Task.Delay(pause, clock, stoppingToken);
            pause = pause * 2 < MaxPause ? pause * 2 : MaxPause;
        }
    }

    private async Task RebuildAsync(Uri address, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        using var client = clients.CreateClient();
        client.Timeout = TimeSpan.FromSeconds(10);
        ServiceKey.AddTo(client, configuration);
        var (after, count) = (0L, 0);
        while (true)
        {
            var page = await client.GetFromJsonAsync<TenantQuota[]>(
                new Uri(address, $"/internal/quotas?after={after}&limit={PageSize}"), Json.Options, cancellation) ?? [];
            if (page.Length == 0)
            {
                break;
            }

            foreach (var quota in page)
            {
                await ApplyTenantQuota.ApplyAsync(quota, connection, cancellation);
                after = Math.Max(after, quota.Version);
            }

            count += page.Length;
        }

        LogRebuilt(count);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Key} is not configured: quotas are known from events only")]
    private partial void LogNoAddress(string key);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The replica of quotas is not filled yet, trying again: {Reason}")]
    private partial void LogLater(string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The replica of quotas was filled with {Count} tenants")]
    private partial void LogRebuilt(int count);
}
