using EasySmart.Contracts.Ingestion;
using EasySmart.Ingestion.Usage;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Ingestion.Retention;

/// <summary>
/// Deletes every hour what is older than its tenant's plan keeps it: readings, a little in each transaction, with the usage that tells of
/// it in the same commit, and latest values of that age. One instance at a time. Rollups stay; a reading that old is refused at intake.
/// </summary>
internal sealed partial class ReadingRetention(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock, ILogger<ReadingRetention> logger) : BackgroundService
{
    /// <summary>Taken for each transaction. Any constant: advisory locks are per database.</summary>
    internal const long Lock = 0x52657465;

    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    // After each piece three times as long as it took, so that ingest has the database three quarters of the time.
    private static readonly TimeSpan ShortestRest = TimeSpan.FromMilliseconds(20);
    private const int RestShare = 3;

    /// <summary>Deletes what is old by now.</summary>
    /// <returns>Readings that this instance deleted; another one may be at it.</returns>
    internal async Task<long> DeleteOldAsync(CancellationToken cancellation)
    {
        var (now, deleted) = (clock.GetUtcNow(), 0L);
        foreach (var chunk in await OldReadings.ChunksAsync(database, now, cancellation))
        {
            foreach (var old in await OrAsync([], OldReadings.InAsync(database, chunk, now, cancellation), chunk.From, null, cancellation))
            {
                deleted += await OrAsync(0, DeleteAsync(old, cancellation), old.From, old.Tenant, cancellation);
            }
        }

        await DeleteLatestAsync(now, cancellation);
        return deleted;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        do
        {
            try
            {
                if (await DatabaseTime.DifferenceAsync(database, clock, stoppingToken) is { } difference)
                {
                    LogClock(difference);
                }
                else if (await DeleteOldAsync(stoppingToken) is > 0 and var deleted)
                {
                    LogDeleted(deleted);
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(Transient.Is(exception) ? LogLevel.Warning : LogLevel.Error, exception.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    // The next pass begins where this one did: what cannot be done must not stand before all that comes after it.
    private async Task<T> OrAsync<T>(T nothing, Task<T> work, DateTime from, Guid? tenant, CancellationToken cancellation)
    {
        try
        {
            return await work;
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested && !IsAway(exception))
        {
            LogSkipped(Transient.Is(exception) ? LogLevel.Warning : LogLevel.Error, from, tenant, exception.Message);
            return nothing;
        }
    }

    // Without the database the others would fail as well. Whoever waited in vain for an answer had one that works.
    private static bool IsAway(Exception exception) => exception is PostgresException answer
        ? answer.SqlState.StartsWith("57P", StringComparison.Ordinal)
        : Transient.Is(exception) && exception.InnerException is not TimeoutException;

    private async Task<long> DeleteAsync(OldReadings old, CancellationToken cancellation)
    {
        var deleted = 0L;
        RetentionPiece? piece = null;
        do
        {
            var began = clock.GetTimestamp();
            await using (var connection = await database.OpenConnectionAsync(cancellation))
            await using (var transaction = await connection.BeginTransactionAsync(cancellation))
            {
                piece = await RetentionPiece.DeleteAsync(transaction, old, piece, cancellation);
                if (piece.Readings > 0)
                {
                    var minute = clock.GetUtcNow();
                    minute = minute.AddTicks(-(minute.Ticks % TimeSpan.TicksPerMinute));
                    await transaction.KeepAsync(
                        [new UsageEntry(old.Tenant, minute, 0, 0, 0, ReadingsDeleted: piece.Readings, BytesDeleted: piece.Bytes)], cancellation);
                }

                await transaction.CommitAsync(cancellation);
            }

            deleted += piece.Readings;
            var rest = RestShare * clock.GetElapsedTime(began);
            await Task.Delay(rest > ShortestRest ? rest : ShortestRest, clock, cancellation);
        }
        while (!piece.IsLast);
        return deleted;
    }

    private async Task DeleteLatestAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        // What a batch is about to move on is not waited for: it is not old.
        await using var delete = database.CreateCommand(
            $"""
            WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock({Lock}) AS mine),
            old AS MATERIALIZED (
                SELECT l.ctid FROM latest l JOIN {OldReadings.Kept} AS kept USING (tenant_id)
                WHERE (SELECT mine FROM turn) AND l.time < kept.since LIMIT {RetentionPiece.Most} FOR UPDATE OF l SKIP LOCKED)
            DELETE FROM latest WHERE ctid = ANY(ARRAY(SELECT ctid FROM old))
            """);
        delete.CommandTimeout = (int)OldReadings.Longest.TotalSeconds;
        delete.Parameters.Add(new() { Value = now });
        while (await delete.ExecuteNonQueryAsync(cancellation) == RetentionPiece.Most)
        {
            await Task.Delay(ShortestRest, clock, cancellation);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Count} readings were older than their tenants' plans keep them, and are deleted")]
    private partial void LogDeleted(long count);

    [LoggerMessage(Message = "Old readings of the day from {From}, of tenant {Tenant}, are kept for another hour: {Reason}")]
    private partial void LogSkipped(LogLevel level, DateTime from, Guid? tenant, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Old readings are kept for another hour: this instance's clock is {Difference} ahead of the database's")]
    private partial void LogClock(TimeSpan difference);

    [LoggerMessage(Message = "Old readings are kept for another hour: {Reason}")]
    private partial void LogLater(LogLevel level, string reason);
}
