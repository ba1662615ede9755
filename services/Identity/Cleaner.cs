using EasySmart.Identity.Accounts;
using EasySmart.Identity.Revocations;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Identity;

/// <summary>Forgets every hour what is not good for anything any more: sessions that ended or expired, spent links, tickets, old revocations and counts.</summary>
internal sealed partial class Cleaner(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock, ILogger<Cleaner> logger) : BackgroundService
{
    // A session's row outlives its end until its last refresh token would have expired, so that a spent one is still known as such.
    // The newest revocation stays, so that versions go on growing from it.
    private static readonly (string Sql, TimeSpan Kept)[] Old =
    [
        ("DELETE FROM sessions WHERE expires_at < $1", TimeSpan.Zero),
        ("DELETE FROM invitations WHERE expires_at < $1", TimeSpan.Zero),
        ("DELETE FROM password_resets WHERE expires_at < $1", TimeSpan.Zero),
        ("DELETE FROM stream_tickets WHERE expires_at < $1", TimeSpan.Zero),
        ("DELETE FROM throttles WHERE window_ends < $1", TimeSpan.FromDays(1)),
        ("DELETE FROM revocations WHERE at < $1 AND version < (SELECT max(version) FROM revocations)", RevocationLog.Kept),
    ];

    /// <summary>Forgets what is old by now.</summary>
    internal async Task CleanAsync(CancellationToken cancellation)
    {
        await using var batch = database.CreateBatch();
        foreach (var (sql, kept) in Old)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(sql) { Parameters = { new() { Value = clock.GetUtcNow() - kept } } });
        }

        await batch.ExecuteNonQueryAsync(cancellation);
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

    [LoggerMessage(Level = LogLevel.Warning, Message = "Old sessions and revocations are kept for another hour: {Reason}")]
    private partial void LogLater(string reason);
}
