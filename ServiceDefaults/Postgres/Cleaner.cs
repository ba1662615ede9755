using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EasySmart.ServiceDefaults.Postgres;

/// <summary>Rows that are not good for anything any more, from some time on.</summary>
/// <param name="Sql">Deletes them on the system role; <c>$1</c> is the time now less <paramref name="Kept"/>.</param>
/// <param name="Kept">For how long they are kept after the time that <paramref name="Sql"/> compares.</param>
public sealed record Outdated(string Sql, TimeSpan Kept);

/// <summary>Tables that are cleaned.</summary>
public static class CleaningExtensions
{
    /// <summary>Lets the service's one <see cref="Cleaner"/> delete these too. Needs <c>AddPostgres</c> with a system data source.</summary>
    public static IServiceCollection AddCleaning(this IServiceCollection services, params IEnumerable<Outdated> outdated)
    {
        foreach (var rows in outdated)
        {
            services.AddSingleton(rows);
        }

        return services.AddHostedService<Cleaner>();
    }
}

/// <summary>
/// Forgets every hour what is not good for anything any more. Made by <c>AddCleaning</c>, once in a service. A statement that fails does not
/// keep the others from running, whatever its fault: nothing waits for it, and it is tried again an hour later.
/// </summary>
public sealed partial class Cleaner(
    IEnumerable<Outdated> outdated, [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock, ILogger<Cleaner> logger)
    : BackgroundService
{
    /// <summary>Forgets what is outdated by now.</summary>
    /// <param name="cancellation">The service is stopping.</param>
    public async Task CleanAsync(CancellationToken cancellation)
    {
        foreach (var rows in outdated)
        {
            try
            {
                await using var delete = database.CreateCommand(rows.Sql);
                delete.Parameters.Add(new() { Value = clock.GetUtcNow() - rows.Kept });
                await delete.ExecuteNonQueryAsync(cancellation);
            }
            catch (Exception exception) when (!cancellation.IsCancellationRequested)
            {
                LogLater(rows.Sql, exception.Message);
            }
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromHours(1), clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await CleanAsync(stoppingToken);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Old rows are kept for another hour, {Statement} failed: {Reason}")]
    private partial void LogLater(string statement, string reason);
}
