using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Ingestion.Rollups;

/// <summary>
/// Keeps the rollups: quarters that close, and closed ones that got late readings. One instance at a time; what it has not come to is read
/// from the readings themselves, so that nobody ever reads a rollup that is not right.
/// </summary>
internal sealed partial class Roller(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database,
    IngestionMetrics metrics,
    TimeProvider clock,
    ILogger<Roller> logger) : BackgroundService
{
    /// <summary>Held by who is at it.</summary>
    internal const long Lock = 0x526F6C6C;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly ClosedQuarters _closed = new(metrics, clock);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await RollAsync(stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                _closed.Forget();
                LogLater(exception.Message);
                await Task.Delay(Pause, clock, stoppingToken);
            }
        }
    }

    /// <summary>Rolls up what is due, and what has closed as far as that is sure. Does nothing while another instance is at it.</summary>
    internal async Task RollAsync(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var turn = await SessionLock.TryTakeAsync(connection, Lock, cancellation);
        if (turn is null)
        {
            metrics.RolledUntil(null);
            return;
        }

        await RollDueAsync(connection, cancellation);
        await _closed.RollAsync(connection, cancellation);
    }

    private async Task RollDueAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        int taken;
        do
        {
            // What is marked after the deletion stays, and is done the next time.
            await using var transaction = await connection.BeginTransactionAsync(cancellation);
            var due = await DueQuarters.TakeAsync(transaction, cancellation);
            await SeriesRange.RollUpAsync(due.Ranges, transaction, cancellation);
            await transaction.CommitAsync(cancellation);
            taken = due.Marks;
            metrics.Corrected(due.Quarters);
        }
        while (taken == DueQuarters.Most);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Rollups are made later, and until then read from the readings: {Reason}")]
    private partial void LogLater(string reason);
}
