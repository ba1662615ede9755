using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.BillingQuota.Usage;

/// <summary>Forgets minutes that are older than a day: the ledger has their hours, and only the last 60 minutes are asked for.</summary>
internal sealed partial class MinuteCleaner(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock, ILogger<MinuteCleaner> logger) : BackgroundService
{
    private static readonly TimeSpan Kept = TimeSpan.FromDays(1);

    /// <summary>Deletes what is due.</summary>
    internal async Task CleanAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand("DELETE FROM usage_minutes WHERE minute < $1");
        command.Parameters.Add(new() { Value = clock.GetUtcNow() - Kept });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromHours(1), clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await CleanAsync(stoppingToken);
            }
            catch (NpgsqlException exception)
            {
                LogLater(exception.Message);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Old minutes of usage are kept for another hour: {Reason}")]
    private partial void LogLater(string reason);
}
