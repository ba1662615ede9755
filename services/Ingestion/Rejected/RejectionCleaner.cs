using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace EasySmart.Ingestion.Rejected;

/// <summary>Forgets every day what was refused long ago, and who was told of it: a little in each transaction, one instance at a time.</summary>
internal sealed partial class RejectionCleaner(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database,
    IOptions<IngestionOptions> options,
    TimeProvider clock,
    ILogger<RejectionCleaner> logger) : BackgroundService
{
    /// <summary>Taken for each transaction. Any constant: advisory locks are per database.</summary>
    internal const long Lock = 0x52656A65;

    /// <summary>Rows in one transaction, at most.</summary>
    internal const int Step = 5000;

    private static readonly TimeSpan ToldIsKept = TimeSpan.FromDays(1);

    /// <summary>Forgets what is old by now.</summary>
    /// <returns>Rows that this instance deleted; another one may be at it.</returns>
    internal async Task<int> CleanAsync(CancellationToken cancellation) =>
        await DeleteAsync("rejections", "minute", TimeSpan.FromDays(options.Value.RejectionDays), cancellation)
        + await DeleteAsync("error_notices", "told_at", ToldIsKept, cancellation);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromDays(1), clock);
        do
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
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task<int> DeleteAsync(string table, string column, TimeSpan kept, CancellationToken cancellation)
    {
        await using var delete = database.CreateCommand(
            $"""
            WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock({Lock}) AS mine)
            DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT old.ctid FROM {table} old, turn WHERE turn.mine AND old.{column} < $1 LIMIT {Step}))
            """);
        delete.Parameters.Add(new() { Value = clock.GetUtcNow() - kept });
        var (all, deleted) = (0, 0);
        do
        {
            deleted = await delete.ExecuteNonQueryAsync(cancellation);
            all += deleted;
        }
        while (deleted == Step);
        return all;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Old rejections are kept for another day: {Reason}")]
    private partial void LogLater(string reason);
}
