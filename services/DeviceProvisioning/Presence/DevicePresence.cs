using Npgsql;
using NpgsqlTypes;

namespace EasySmart.DeviceProvisioning.Presence;

/// <summary>Whose a device is now.</summary>
/// <param name="Tenant">Its tenant.</param>
/// <param name="MayConnect">Whether its status lets it connect.</param>
/// <param name="Credentials">The secrets that it has.</param>
public readonly record struct DeviceOwner(Guid? Tenant, bool MayConnect, Guid[] Credentials);

/// <summary>The table <c>devices</c> within the transaction of a batch.</summary>
public static class DevicePresence
{
    private const string Lock =
        """
        SELECT id, tenant_id, status IN ('claimed', 'active'), ARRAY(SELECT c.id FROM credentials c WHERE c.device_id = d.id)
        FROM devices d WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE
        """;

    private const string Move =
        """
        UPDATE devices d SET last_seen_at = greatest(d.last_seen_at, s.seen_at), last_ip = coalesce(s.address, d.last_ip)
        FROM unnest($1, $2, $3) s (device_id, seen_at, address) WHERE d.id = s.device_id
        """;

    /// <summary>Whose these devices are; nobody changes them until the transaction ends. Without those that are gone.</summary>
    public static async Task<Dictionary<Guid, DeviceOwner>> LockOwnersAsync(
        this NpgsqlTransaction transaction, IEnumerable<Guid> devices, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(Lock, transaction.Connection, transaction)
        {
            Parameters = { new() { Value = devices.Distinct().ToArray() } },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var owners = new Dictionary<Guid, DeviceOwner>();
        while (await reader.ReadAsync(cancellation))
        {
            owners.Add(
                reader.GetGuid(0),
                new(await reader.IsDBNullAsync(1, cancellation) ? null : reader.GetGuid(1), reader.GetBoolean(2), reader.GetFieldValue<Guid[]>(3)));
        }

        return owners;
    }

    /// <summary>When and where from they connected.</summary>
    public static async Task MarkConnectedAsync(
        this NpgsqlTransaction transaction, IReadOnlyCollection<SessionConnected> connects, CancellationToken cancellation)
    {
        if (connects.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand(Move, transaction.Connection, transaction)
        {
            Parameters =
            {
                new() { Value = connects.Select(c => c.Device).ToArray() },
                new() { Value = connects.Select(c => c.At.ToUniversalTime()).ToArray() },
                new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, Value = connects.Select(c => c.Address).ToArray() },
            },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
