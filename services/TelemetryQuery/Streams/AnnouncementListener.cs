using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.TelemetryQuery.Streams;

/// <summary>
/// Hears what ingestion announces, on a connection of its own, and says every few seconds which tenants are followed here: ingestion
/// announces nothing else. What is announced while the connection is away is lost, so that the streams look for themselves afterwards.
/// </summary>
internal sealed partial class AnnouncementListener(NpgsqlDataSource database, StreamHub hub, TimeProvider clock, ILogger<AnnouncementListener> logger)
    : BackgroundService
{
    private const string Channel = "readings";
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogLost(Transient.Is(exception) ? LogLevel.Warning : LogLevel.Error, exception.Message);
                await Task.Delay(Pause, stoppingToken);
            }
        }
    }

    private async Task ListenAsync(CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        connection.Notification += (_, notice) => hub.Hear(notice.Payload);
        await using (var listen = new NpgsqlCommand($"LISTEN {Channel}", connection))
        {
            await listen.ExecuteNonQueryAsync(stopping);
        }

        hub.Disturb(since: null);
        while (true)
        {
            var asked = clock.GetUtcNow();
            await hub.TellAllAsync(connection, stopping);
            // An answer came, so the connection lives, and what was announced before came first.
            hub.HeardUntil = asked;
            hub.EndStuck();
            // Less than a millisecond would be taken for no limit at all.
            while (!hub.HasJoined() && asked + Period - clock.GetUtcNow() is var left && left.TotalMilliseconds >= 1)
            {
                await connection.WaitAsync(left, stopping);
            }
        }
    }

    [LoggerMessage(Message = "No reading is heard of live until the database is back: {Reason}")]
    private partial void LogLost(LogLevel level, string reason);
}
