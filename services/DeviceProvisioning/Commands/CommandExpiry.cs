using EasySmart.DeviceProvisioning.Sessions;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Commands;

/// <summary>Ends commands whose time is over without an answer, each second, and forgets those that ended long ago.</summary>
public sealed partial class CommandExpiry(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, SessionMetrics metrics, TimeProvider clock, ILogger<CommandExpiry> logger)
    : BackgroundService
{
    private const int Most = 500;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Kept = TimeSpan.FromDays(30);

    private const string Expire =
        """
        UPDATE commands SET state = 'expired', finished_at = $1, due = 0 WHERE id IN (
            SELECT id FROM commands WHERE state IN ('queued', 'sent') AND expires_at <= $1 ORDER BY number LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING id, tenant_id, device_id, name, state, finished_at
        """;

    private const string Forget =
        """
        DELETE FROM commands WHERE id IN (SELECT id FROM commands WHERE finished_at < $1 ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        """;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                while (await ExpireAsync(stoppingToken) == Most || await ForgetAsync(stoppingToken) == Most)
                {
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(exception.Message);
            }
        }
    }

    private async Task<int> ExpireAsync(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await using var expire = new NpgsqlCommand(Expire, connection, transaction)
        {
            Parameters = { new() { Value = clock.GetUtcNow() }, new() { Value = Most } },
        };
        var count = await transaction.FinishAsync(expire, metrics, cancellation);
        await transaction.CommitAsync(cancellation);
        return count;
    }

    private async Task<int> ForgetAsync(CancellationToken cancellation)
    {
        await using var forget = database.CreateCommand(Forget);
        forget.Parameters.Add(new() { Value = clock.GetUtcNow() - Kept });
        forget.Parameters.Add(new() { Value = Most });
        return await forget.ExecuteNonQueryAsync(cancellation);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Commands did not expire yet: {Reason}")]
    private partial void LogLater(string reason);
}
