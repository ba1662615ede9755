using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Presence;

/// <summary>Keeps what this instance knows of client ids like the table, whichever instance wrote it.</summary>
public sealed class ClientIdKeeper([FromKeyedServices(DataSources.System)] NpgsqlDataSource database, ClientIds ids, TimeProvider clock)
{
    private const string Select = "SELECT client_id, device_id, connected, held_until FROM mqtt_sessions WHERE";

    /// <summary>Reads everything: at start, and when notices may have been missed.</summary>
    public async Task LoadAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand($"{Select} connected OR held_until > $1");
        command.Parameters.Add(new() { Value = clock.GetUtcNow() });
        ids.Load(await ReadAsync(command, cancellation));
    }

    /// <summary>Reads what changed.</summary>
    public async Task RefreshAsync(IReadOnlyCollection<string> changed, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand($"{Select} client_id = ANY($1)");
        command.Parameters.Add(new() { Value = changed.ToArray() });
        var found = await ReadAsync(command, cancellation);
        foreach (var session in found)
        {
            ids.Apply(session.ClientId, session.DeviceId, session.Connected, session.HeldUntil);
        }

        foreach (var gone in changed.Except(found.Select(session => session.ClientId)))
        {
            ids.Remove(gone);
        }
    }

    private static async Task<List<HeldClientId>> ReadAsync(NpgsqlCommand command, CancellationToken cancellation)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var sessions = new List<HeldClientId>();
        while (await reader.ReadAsync(cancellation))
        {
            sessions.Add(new(
                reader.GetString(0),
                reader.GetGuid(1),
                reader.GetBoolean(2),
                await reader.IsDBNullAsync(3, cancellation) ? null : reader.GetFieldValue<DateTimeOffset>(3)));
        }

        return sessions;
    }
}
