using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EasySmart.ServiceDefaults.Idempotency;

/// <summary>Forgets answers that are not given again any more.</summary>
internal sealed partial class IdempotencyCleaner(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock, ILogger<IdempotencyCleaner> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromHours(1), clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await using var command = database.CreateCommand("DELETE FROM idempotency_keys WHERE expires_at <= $1");
                command.Parameters.Add(new() { Value = clock.GetUtcNow() });
                await command.ExecuteNonQueryAsync(stoppingToken);
            }
            catch (NpgsqlException exception)
            {
                LogLater(exception.Message);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Expired idempotency keys are kept for another hour: {Reason}")]
    private partial void LogLater(string reason);
}
