using EasySmart.DeviceProvisioning.Commands;
using EasySmart.DeviceProvisioning.Presence;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Sessions;

/// <summary>
/// Hears from the database, on one connection, what any instance committed: a session changed, a session is to end, a command is to be sent.
/// A notice can get lost with the connection: after each reconnect everything is read anew, and the workers look by themselves as well.
/// </summary>
public sealed partial class Notices(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database,
    ClientIdKeeper clientIds,
    SessionEnder ender,
    CommandDispatcher commands,
    TimeProvider clock,
    ILogger<Notices> logger) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    // Now and then a word, or a connection that died silently would be waited on for ever.
    private static readonly TimeSpan WithoutNotice = TimeSpan.FromSeconds(15);

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
                LogLost(exception.Message);
                await Task.Delay(Pause, clock, stoppingToken);
            }
        }
    }

    private async Task ListenAsync(CancellationToken stopping)
    {
        var changed = new HashSet<string>(StringComparer.Ordinal);
        await using var connection = await database.OpenConnectionAsync(stopping);
        connection.Notification += (_, notice) =>
        {
            switch (notice.Channel)
            {
                case "mqtt_sessions":
                    changed.Add(notice.Payload);
                    break;
                case "session_ends":
                    ender.Wake();
                    break;
                case "commands":
                    commands.Wake();
                    break;
            }
        };
        await SayAsync(connection, "LISTEN mqtt_sessions; LISTEN session_ends; LISTEN commands", stopping);
        await clientIds.LoadAsync(stopping);
        ender.Wake();
        commands.Wake();
        while (true)
        {
            if (changed.Count > 0)
            {
                var now = changed.ToArray();
                changed.Clear();
                await clientIds.RefreshAsync(now, stopping);
            }
            else if (!await connection.WaitAsync(WithoutNotice, stopping))
            {
                await SayAsync(connection, "SELECT 1", stopping);
            }
        }
    }

    private static async Task SayAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Notices are not heard until the database is back: {Reason}")]
    private partial void LogLost(string reason);
}
