using EasySmart.ServiceDefaults.Postgres;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>Remembers what passes once, and forgets what the clock refuses by now, and who has long stopped guessing claim codes.</summary>
public sealed partial class UsedSignatures(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock, ILogger<UsedSignatures> logger) : BackgroundService
{
    /// <summary>How long after its own time a signature is remembered: longer than any instance's clock lets it pass.</summary>
    public static readonly TimeSpan Kept = 3 * SignedText.MaxSkew;

    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan AttemptsKept = TimeSpan.FromDays(2);

    /// <summary>False when it is remembered already. Of two at once one waits until the other's transaction ends.</summary>
    public static async Task<bool> TryAddAsync(
        DevicesDb db, string identity, string signedAt, string purpose, DateTimeOffset until, CancellationToken cancellation) =>
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO used_signatures (identity, signed_at, purpose, expires_at) VALUES ({identity}, {signedAt}, {purpose}, {until})
            ON CONFLICT DO NOTHING
            """,
            cancellation) == 1;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await CleanAsync(database, clock.GetUtcNow(), stoppingToken);
            }
            catch (Exception exception) when (Transient.Is(exception))
            {
                LogLater(exception.Message);
            }
        }
    }

    /// <summary>Forgets what need not be remembered at this time.</summary>
    public static async Task CleanAsync(NpgsqlDataSource database, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(new("DELETE FROM used_signatures WHERE expires_at < $1") { Parameters = { new() { Value = now } } });
        batch.BatchCommands.Add(new("DELETE FROM claim_attempts WHERE next_at < $1") { Parameters = { new() { Value = now - AttemptsKept } } });
        await batch.ExecuteNonQueryAsync(cancellation);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Used signatures are kept a little longer: {Reason}")]
    private partial void LogLater(string reason);
}
