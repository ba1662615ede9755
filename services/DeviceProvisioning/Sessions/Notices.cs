using EasySmart.DeviceProvisioning.Commands;
using EasySmart.DeviceProvisioning.Presence;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Sessions;

/// <summary>
/// Hears from the database, on one connection, what any instance committed: a session changed, a session is to end, a command is to be sent.
/// A notice can get lost with the connection: after each reconnect everything is read anew, and the workers look by themselves as well.
/// </summary>
public sealed class Notices(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database,
    ClientIdKeeper clientIds,
    SessionEnder ender,
    CommandDispatcher commands,
    ILogger<Notices> logger) : ListeningService(database, ["mqtt_sessions", "session_ends", "commands"], logger)
{
    // Now and then a word, or a connection that died silently would be waited on for ever.
    private static readonly TimeSpan WithoutNotice = TimeSpan.FromSeconds(15);

    private readonly HashSet<string> _changed = new(StringComparer.Ordinal);

    protected override void Hear(string channel, string payload)
    {
        switch (channel)
        {
            case "mqtt_sessions":
                _changed.Add(payload);
                break;
            case "session_ends":
                ender.Wake();
                break;
            case "commands":
                commands.Wake();
                break;
        }
    }

    protected override async Task ListenAsync(NpgsqlConnection connection, CancellationToken stopping)
    {
        await clientIds.LoadAsync(stopping);
        ender.Wake();
        commands.Wake();
        while (true)
        {
            if (_changed.Count > 0)
            {
                var now = _changed.ToArray();
                _changed.Clear();
                await clientIds.RefreshAsync(now, stopping);
            }
            else if (!await connection.WaitAsync(WithoutNotice, stopping))
            {
                await SayAsync(connection, "SELECT 1", stopping);
            }
        }
    }
}
