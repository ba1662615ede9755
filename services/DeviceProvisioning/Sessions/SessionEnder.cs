using EasySmart.DeviceProvisioning.Presence;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Sessions;

/// <summary>
/// Ends the sessions that committed changes still owe an end. A row goes only when it is done, so a crash forgets nothing; one that fails is
/// tried again later and later, for ever, and stands in no other's way.
/// </summary>
public sealed partial class SessionEnder(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database,
    SessionFinder sessions,
    BrokerApi broker,
    SessionMetrics metrics,
    TimeProvider clock,
    ILogger<SessionEnder> logger) : BackgroundService
{
    private const int Lanes = 4;

    // A login that was under way when the change was committed is over by then, and all is done within two seconds.
    private static readonly TimeSpan OnceMore = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Others = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(15);

    private readonly Wake _wake = new();

    /// <summary>Something is due.</summary>
    public void Wake() => _wake.Now();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = Poll;
            try
            {
                pause = await UntilNextAsync(stoppingToken);
                if (pause == TimeSpan.Zero)
                {
                    var done = await Task.WhenAll(Enumerable.Range(0, Lanes).Select(_ => WorkAsync(stoppingToken)));
                    // Due and not to be had: another instance has it.
                    pause = done.Any(any => any) ? TimeSpan.Zero : Others;
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogDatabase(exception.Message);
            }

            if (pause > TimeSpan.Zero)
            {
                await _wake.WaitAsync(pause, clock, stoppingToken);
            }
        }
    }

    private async Task<bool> WorkAsync(CancellationToken stopping)
    {
        var any = false;
        while (await EndNextAsync(stopping))
        {
            any = true;
        }

        return any;
    }

    private async Task<bool> EndNextAsync(CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        await using var transaction = await connection.BeginTransactionAsync(stopping);
        var now = clock.GetUtcNow();
        if (await OwedEnd.TakeAsync(transaction, now, stopping) is not { } owed)
        {
            return false;
        }

        if (await PayAsync(transaction, owed, now, stopping) is { } fault)
        {
            metrics.End("failed");
            LogLater(owed.Id, owed.Device, fault.Message);
            var pause = FirstPause * Math.Pow(2, Math.Min(owed.Failures, 10));
            await owed.AgainAsync(transaction, clock.GetUtcNow() + (pause < MaxPause ? pause : MaxPause), stopping);
        }
        else if (owed.Swept || owed.ClientId is not null)
        {
            await owed.DoneAsync(transaction, stopping);
            metrics.End("done");
        }
        else
        {
            await owed.OnceMoreAsync(transaction, now, clock.GetUtcNow() + OnceMore, stopping);
        }

        await transaction.CommitAsync(stopping);
        return true;
    }

    // What has ended is over, also when others have not; the exception says why they have not.
    private async Task<Exception?> PayAsync(NpgsqlTransaction transaction, OwedEnd owed, DateTimeOffset now, CancellationToken stopping)
    {
        try
        {
            var found = await sessions.FindAsync(transaction, owed, now, stopping);
            var (ended, fault) = await broker.EndAsync(found.Select(session => session.ClientId), stopping);
            // So that the client ids are free at once: of a session whose client was away the broker tells nothing.
            await transaction.EndSessionsAsync(
                [.. found.Where(session => session.ChangedAt is not null && ended.Contains(session.ClientId))
                    .Select(session => (session.ClientId, session.ChangedAt!.Value))],
                stopping);
            return fault;
        }
        catch (Exception exception) when (exception is not NpgsqlException && !stopping.IsCancellationRequested)
        {
            return exception;
        }
    }

    private async Task<TimeSpan> UntilNextAsync(CancellationToken stopping)
    {
        await using var command = database.CreateCommand(
            "SELECT count(*) FILTER (WHERE due_at <= $1 OR swept_at IS NOT NULL OR failures > 0), min(due_at) FROM session_ends");
        command.Parameters.Add(new() { Value = clock.GetUtcNow() });
        await using var reader = await command.ExecuteReaderAsync(stopping);
        await reader.ReadAsync(stopping);
        metrics.EndsPending(reader.GetInt64(0));
        if (await reader.IsDBNullAsync(1, stopping))
        {
            return Poll;
        }

        var next = reader.GetFieldValue<DateTimeOffset>(1) - clock.GetUtcNow();
        return TimeSpan.FromTicks(Math.Clamp(next.Ticks, 0, Poll.Ticks));
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Session end {Id} of device {DeviceId} is tried again: {Reason}")]
    private partial void LogLater(long id, Guid? deviceId, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Session ends wait for the database: {Reason}")]
    private partial void LogDatabase(string reason);
}
