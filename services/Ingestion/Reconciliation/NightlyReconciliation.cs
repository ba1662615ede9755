using EasySmart.Contracts;
using EasySmart.Contracts.Ingestion;
using EasySmart.Ingestion.Retention;
using EasySmart.Ingestion.Usage;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Ingestion.Reconciliation;

/// <summary>
/// Compares once a day what the readings hold with what the accounts say, tells of it, and has the accounts follow where they differ. The
/// day begins at 3 o'clock UTC, with the maintenance window; one that nobody was up for is made up for at start. The first of all begins the
/// accounts with what is there.
/// </summary>
internal sealed partial class NightlyReconciliation(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock, ILogger<NightlyReconciliation> logger) : BackgroundService
{
    /// <summary>Held by who is at it.</summary>
    internal const long Lock = 0x5265636F;

    /// <summary>Tenants in one event.</summary>
    internal const int Most = 1000;

    // As the migration has it.
    private const string NeverDone = "2000-01-01";

    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan DayBegins = TimeSpan.FromHours(3);

    /// <summary>Reconciles, unless that is done for today or another instance is at it.</summary>
    internal async Task<bool> ReconcileAsync(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var turn = await SessionLock.TryTakeAsync(connection, Lock, cancellation);
        var today = DateOnly.FromDateTime((clock.GetUtcNow() - DayBegins).UtcDateTime);
        if (turn is null || !await AskAsync(connection, null, "SELECT day < $1 FROM reconciliation", cancellation, today))
        {
            return false;
        }

        var (at, counts, differences) = await CountAsync(connection, cancellation);
        return await CommitAsync(connection, today, at, counts, differences, cancellation);
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
                else
                {
                    await ReconcileAsync(stoppingToken);
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(Transient.Is(exception) ? LogLevel.Warning : LogLevel.Error, exception.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task<(DateTimeOffset At, IReadOnlyList<ReconciledEntry> Counts, HashSet<ReconciledEntry> Differences)> CountAsync(
        NpgsqlConnection connection, CancellationToken cancellation)
    {
        var (at, first) = await StorageCount.TakeAsync(connection, clock, cancellation);
        var doubtful = first.Where(Differs).ToDictionary(entry => entry.TenantId, DifferenceOf);
        if (doubtful.Count == 0)
        {
            return (at, first, []);
        }

        // A difference that is one stays, whatever is stored meanwhile. A chunk that was being moved to the columnstore looks empty to a
        // snapshot from before, and does not the next time.
        (at, var counts) = await StorageCount.TakeAsync(connection, clock, cancellation);
        return (at, counts, counts.Where(entry => Differs(entry) && doubtful.GetValueOrDefault(entry.TenantId) == DifferenceOf(entry)).ToHashSet());
    }

    private async Task<bool> CommitAsync(
        NpgsqlConnection connection, DateOnly today, DateTimeOffset at, IReadOnlyList<ReconciledEntry> counts,
        HashSet<ReconciledEntry> differences, CancellationToken cancellation)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var isFirst = await AskAsync(connection, transaction, $"SELECT day = '{NeverDone}' FROM reconciliation FOR UPDATE", cancellation);
        if (!await AskAsync(connection, transaction, "UPDATE reconciliation SET day = $1 WHERE day < $1 RETURNING true", cancellation, today))
        {
            // A connection that broke unnoticed had lost the lock, and another instance was quicker.
            return false;
        }

        // No more is told of than is corrected: what only one count found is none, or the next night's.
        var told = counts.Select(entry => !isFirst && differences.Contains(entry)
            ? entry
            : entry with { AccountedReadings = entry.CountedReadings, AccountedBytes = entry.CountedBytes });
        var events = told.Chunk(Most).Select(some => new StorageReconciled { OccurredAt = at, Entries = some }).ToArray();
        // Each says all that it says itself: no order is kept among them.
        await transaction.PublishAsync(events.Select(one => ((IntegrationEvent)one, $"reconciled:{one.EventId}")), cancellation);
        if (differences.Count > 0)
        {
            // Usage of now: the hours of the count may be closed.
            var now = clock.GetUtcNow();
            var minute = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMinute));
            var corrections = differences.Select(entry => Correcting(entry, minute));
            // What was there before there were accounts was told as usage when it was stored.
            await (isFirst ? StoredAccounts.AddAsync(transaction, corrections, cancellation) : transaction.KeepAsync(corrections, cancellation));
        }

        await transaction.CommitAsync(cancellation);
        foreach (var entry in isFirst ? [] : differences)
        {
            var (readings, bytes) = DifferenceOf(entry);
            LogDifference(entry.TenantId, entry.CountedReadings, entry.CountedBytes, readings, bytes);
        }

        return true;
    }

    private static bool Differs(ReconciledEntry entry) => DifferenceOf(entry) != (0, 0);

    private static (long Readings, long Bytes) DifferenceOf(ReconciledEntry entry) =>
        (entry.CountedReadings - entry.AccountedReadings, entry.CountedBytes - entry.AccountedBytes);

    private static UsageEntry Correcting(ReconciledEntry entry, DateTimeOffset minute)
    {
        var (readings, bytes) = DifferenceOf(entry);
        return new UsageEntry(entry.TenantId, minute, 0, Math.Max(0, readings), Math.Max(0, bytes), Math.Max(0, -readings), Math.Max(0, -bytes));
    }

    private static async Task<bool> AskAsync(
        NpgsqlConnection connection, NpgsqlTransaction? transaction, string sql, CancellationToken cancellation, params object[] parameters)
    {
        await using var command = new NpgsqlCommand(sql, connection, transaction);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(new() { Value = parameter });
        }

        return await command.ExecuteScalarAsync(cancellation) is true;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Tenant {Tenant} has {Readings} readings with {Bytes} bytes: {MoreReadings} readings and {MoreBytes} bytes more than accounted for; the account follows")]
    private partial void LogDifference(Guid tenant, long readings, long bytes, long moreReadings, long moreBytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The readings are compared with the accounts later: this instance's clock is {Difference} ahead of the database's")]
    private partial void LogClock(TimeSpan difference);

    [LoggerMessage(Message = "The readings are compared with the accounts later: {Reason}")]
    private partial void LogLater(LogLevel level, string reason);
}
