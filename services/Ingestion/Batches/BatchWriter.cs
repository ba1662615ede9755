using System.Diagnostics;
using EasySmart.Ingestion.Announcements;
using EasySmart.Ingestion.Mqtt;
using EasySmart.Ingestion.Parsing;
using EasySmart.Ingestion.Quotas;
using EasySmart.Ingestion.Rejected;
using EasySmart.Ingestion.Rollups;
using EasySmart.Ingestion.Tenants;
using EasySmart.Ingestion.Usage;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Ingestion.Batches;

/// <summary>
/// Commits batches, each in one transaction with all that it changes, and then tells the sources. Tries again for as long as it takes; a
/// row that the database refuses is found by halving the batch, so that it cannot hold up the others.
/// </summary>
internal sealed partial class BatchWriter(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database,
    RecentDeliveries recent,
    ErrorNotices notices,
    WatchedTenants watched,
    TenantQuotas quotas,
    IngestionMetrics metrics,
    TimeProvider clock,
    ILogger<BatchWriter> logger)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);
    private readonly ReadingCopy _copy = new();

    // Repeats come in flocks: after a batch that had some the next is looked at closely from the start.
    private bool _careful;

    /// <summary>The last attempt failed, and the next one is not made yet.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>Returns when all messages are committed and their sources know, but for those that their source has taken back.</summary>
    /// <param name="batch">Messages in their order.</param>
    /// <param name="stopping">No more attempts after this; what is not committed then is not acknowledged.</param>
    public async Task WriteAsync(List<Message> batch, CancellationToken stopping)
    {
        var pause = FirstPause;
        while (true)
        {
            batch.RemoveAll(message => !message.TryHold());
            if (batch.Count == 0)
            {
                return;
            }

            try
            {
                await CommitAsync(batch);
                return;
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.UniqueViolation && !_careful)
            {
                _careful = true;
            }
            catch (PostgresException exception) when (IsAboutData(exception))
            {
                await WriteHalvesAsync(batch, exception, stopping);
                return;
            }
            catch (Exception exception)
            {
                LogLater(Transient.Is(exception) ? LogLevel.Warning : LogLevel.Error, batch.Count, exception.Message);
                batch.ForEach(message => message.LetGo());
                IsWaiting = true;
                await Task.Delay(pause, clock, stopping);
                IsWaiting = false;
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    private async Task WriteHalvesAsync(List<Message> batch, PostgresException exception, CancellationToken stopping)
    {
        if (batch.Count == 1)
        {
            if (batch[0].Rejection == Rejections.Unstorable)
            {
                // Not even the record of it can be stored. That is a bug of ours; it must not be acknowledged as if it were kept.
                throw exception;
            }

            LogUnstorable(batch[0].DeviceId, exception.SqlState, exception.MessageText);
            batch[0].Rejection = Rejections.Unstorable;
            await WriteAsync(batch, stopping);
            return;
        }

        var half = batch.Count / 2;
        await WriteAsync([.. batch.Take(half)], stopping);
        await WriteAsync([.. batch.Skip(half)], stopping);
    }

    private async Task CommitAsync(List<Message> batch)
    {
        var since = Stopwatch.GetTimestamp();
        // Not cancelled when the service stops: a batch in hand is brought to its end, which Npgsql's time-outs bound.
        var cancellation = CancellationToken.None;
        var readings = new List<Reading>(batch.Count);
        foreach (var message in batch)
        {
            if (message.Rejection is null)
            {
                readings.AddRange(message.Readings.Where(reading => reading.Rejection is null));
            }
        }

        var usage = new UsageTally();
        var rejected = new RejectionLog();
        var now = clock.GetUtcNow();
        var minutes = new MinuteTally(quotas, now);
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        IReadOnlyList<Reading> stored = readings;
        if (readings.Count > 0 && _careful)
        {
            stored = await RepeatedReadings.StoreAsync(readings, transaction, cancellation);
        }
        else if (readings.Count > 0)
        {
            await _copy.WriteAsync(readings, connection, cancellation);
        }

        foreach (var message in batch)
        {
            AddRejections(message, rejected);
            usage.AddCall(message);
            minutes.Add(message);
        }

        await rejected.WriteAsync(transaction, cancellation);
        foreach (var reading in stored)
        {
            usage.Add(reading);
        }

        List<NpgsqlBatchCommand?> commands = [minutes.Writing(), usage.Keeping(), usage.PublishingSeen(now)];
        if (stored.Count > 0)
        {
            commands.AddRange([LatestUpsert.Of(stored), recent.Recording(stored), LateQuarters.Of(stored, now), Announcement.Of(stored, watched)]);
        }

        await RunAsync(transaction, commands, minutes, cancellation);
        await Crossing.TellAsync(minutes.Crossings, transaction, now, cancellation);
        recent.Committing();
        try
        {
            await transaction.CommitAsync(cancellation);
        }
        catch
        {
            batch.ForEach(message => message.InDoubt = true);
            throw;
        }

        _careful = _careful && stored.Count < readings.Count;
        usage.Committed();
        minutes.Committed();
        metrics.Committed(batch.Count, stored, since, ReadingTime.Micros(clock.GetUtcNow()));
        foreach (var (reason, count) in rejected.Counts)
        {
            metrics.Rejected(reason, count);
        }

        await TellSourcesAsync(batch);
        notices.Tell(rejected);
    }

    /// <summary>Sends statements together. Prepared, which a connection that is used again remembers: planning would cost as much as some hundred rows.</summary>
    private static async Task RunAsync(
        NpgsqlTransaction transaction, List<NpgsqlBatchCommand?> commands, MinuteTally minutes, CancellationToken cancellation)
    {
        await using var together = new NpgsqlBatch(transaction.Connection, transaction);
        foreach (var command in commands)
        {
            if (command is not null)
            {
                together.BatchCommands.Add(command);
            }
        }

        if (together.BatchCommands.Count == 0)
        {
            return;
        }

        await together.PrepareAsync(cancellation);
        await using var reader = await together.ExecuteReaderAsync(cancellation);
        if (commands[0] is not null)
        {
            await minutes.ReadAsync(reader, cancellation);
        }

        // A statement that fails is told of when it is come to.
        while (await reader.NextResultAsync(cancellation))
        {
        }
    }

    private static void AddRejections(Message message, RejectionLog rejected)
    {
        if (message.Rejection is { } all)
        {
            rejected.Add(message, all, message.Payload);
            return;
        }

        foreach (var reading in message.Readings)
        {
            if (reading.Rejection is { } one)
            {
                rejected.Add(message, one, reading.Payload);
            }
        }
    }

    private static async Task TellSourcesAsync(IReadOnlyList<Message> batch)
    {
        foreach (var group in batch.GroupBy(message => message.Source))
        {
            await group.Key.CommittedAsync([.. group]);
        }
    }

    // 22: data exception; 23: a constraint other than that of identity; 54: a limit of the program, such as nesting.
    private static bool IsAboutData(PostgresException exception) =>
        exception.SqlState.StartsWith("22", StringComparison.Ordinal) || exception.SqlState.StartsWith("23", StringComparison.Ordinal)
        || exception.SqlState.StartsWith("54", StringComparison.Ordinal);

    [LoggerMessage(Message = "A batch of {Count} messages is not stored yet, trying again: {Reason}")]
    private partial void LogLater(LogLevel level, int count, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "A message of device {Device} passed the parser, and the database refuses it ({State}): {Reason}")]
    private partial void LogUnstorable(Guid device, string state, string reason);
}
