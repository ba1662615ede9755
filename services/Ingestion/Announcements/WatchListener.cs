using System.Globalization;
using EasySmart.Ingestion.Parsing;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Ingestion.Announcements;

/// <summary>
/// Hears which tenants are watched, on a connection of its own. What was said while it did not listen is lost, and so are the readings that
/// nobody was told of: whenever it begins to listen it says so, and since when it may have been deaf, and whoever follows asks for those.
/// </summary>
internal sealed partial class WatchListener(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, WatchedTenants watched, TimeProvider clock, ILogger<WatchListener> logger)
    : BackgroundService
{
    /// <summary>Here telemetry-query names a tenant that it watches.</summary>
    internal const string Channel = "readers";

    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    // Until then the connection was alive, and nothing missed.
    private DateTimeOffset _heardUntil;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _heardUntil = clock.GetUtcNow();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogLost(exception.Message);
                await Task.Delay(Pause, clock, stoppingToken);
            }
        }
    }

    private async Task ListenAsync(CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        connection.Notification += (_, notice) =>
        {
            if (Guid.TryParse(notice.Payload, out var tenant))
            {
                watched.Watch(tenant);
            }
        };
        await RunAsync(connection, $"LISTEN {Channel}", stopping);
        var joined = string.Create(CultureInfo.InvariantCulture, $$"""{"joined":true,"since":{{ReadingTime.Micros(_heardUntil)}}}""");
        await RunAsync(connection, $"SELECT pg_notify('{Announcement.Channel}', '{joined}')", stopping);
        while (true)
        {
            var asked = clock.GetUtcNow();
            // A connection that nobody answers on any more looks just like a silent one.
            await RunAsync(connection, "SELECT 1", stopping);
            _heardUntil = asked;
            watched.Forget();
            await connection.WaitAsync(Silence, stopping);
        }
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 10 };
        await command.ExecuteNonQueryAsync(cancellation);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Who follows readings live is not heard until the database is back: {Reason}")]
    private partial void LogLost(string reason);
}
