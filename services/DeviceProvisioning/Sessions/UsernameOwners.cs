using EasySmart.DeviceProvisioning.Devices;
using EasySmart.DeviceProvisioning.Presence;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Sessions;

/// <summary>Makes events of what the broker lists. Whose a session is says the list, or else its user name.</summary>
public sealed class UsernameOwners(NpgsqlDataSource database)
{
    private const string Select =
        """
        SELECT id::text, id, tenant_id FROM devices WHERE id = ANY($1) AND tenant_id IS NOT NULL
        UNION ALL
        SELECT device_label, id, tenant_id FROM devices WHERE device_label = ANY($2) AND tenant_id IS NOT NULL
        """;

    public async Task<List<SessionEvent>> ResolveAsync(BrokerClient[] listed, CancellationToken cancellation)
    {
        var unnamed = listed.Where(client => client.IdOf("device_id") is null || client.IdOf("tenant_id") is null);
        var owners = await OwnersAsync([.. unnamed.Select(client => client.Username ?? "")], cancellation);
        var events = new List<SessionEvent>(listed.Length);
        foreach (var client in listed)
        {
            if ((client.IdOf("tenant_id"), client.IdOf("device_id")) is ({ } tenant, { } device))
            {
                Add(client, tenant, device);
            }
            else if (owners.TryGetValue(client.Username ?? "", out var owner))
            {
                Add(client, owner.Tenant, owner.Device);
            }
        }

        return events;

        void Add(BrokerClient client, Guid tenant, Guid device)
        {
            if (Event(client, tenant, device) is { } @event)
            {
                events.Add(@event);
            }
        }
    }

    private async Task<Dictionary<string, (Guid Tenant, Guid Device)>> OwnersAsync(string[] usernames, CancellationToken cancellation)
    {
        var owners = new Dictionary<string, (Guid, Guid)>(StringComparer.Ordinal);
        if (usernames.Length == 0)
        {
            return owners;
        }

        await using var command = database.CreateCommand(Select);
        command.Parameters.Add(new() { Value = usernames.Where(name => Guid.TryParse(name, out _)).Select(Guid.Parse).ToArray() });
        command.Parameters.Add(new() { Value = usernames.Where(name => DeviceLabelAttribute.Fault(name) is null).ToArray() });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            owners[reader.GetString(0)] = (reader.GetGuid(2), reader.GetGuid(1));
        }

        return owners;
    }

    private static SessionEvent? Event(BrokerClient client, Guid tenant, Guid device)
    {
        var username = client.Username?.Replace("\0", "", StringComparison.Ordinal) ?? "";
        var connectedAt = BrokerClient.Time(client.ConnectedAt);
        return (client.Connected, connectedAt, BrokerClient.Time(client.DisconnectedAt)) switch
        {
            (true, { } at, _) => new SessionConnected(client.Clientid!, tenant, device, at)
            {
                Credential = client.IdOf("credential_id"),
                Username = username,
                Address = EventReader.Plain(client.IpAddress),
                ExpiryInterval = Math.Max(0, client.ExpiryInterval ?? 0),
                ConnectedAt = at,
                MayResume = true,
            },
            (false, _, { } at) => new SessionDisconnected(client.Clientid!, tenant, device, at)
            {
                Username = username,
                ConnectedAt = connectedAt,
                ExpiryInterval = client.ExpiryInterval,
            },
            _ => null,
        };
    }
}
