using EasySmart.Contracts.DeviceProvisioning;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>Reads from the database what <see cref="LoginMemory"/> may know.</summary>
internal static class KnownLogins
{
    // A secret that is not valid yet or still has its hash from the earlier system is left to the database at each login.
    private const string Select =
        """
        SELECT d.id, d.tenant_id, d.device_label, d.status, c.id, c.secret_sha256, c.valid_until
        FROM devices d JOIN credentials c ON c.device_id = d.id AND c.tenant_id = d.tenant_id AND c.secret_sha256 IS NOT NULL
            AND c.valid_from <= now() AND (c.valid_until IS NULL OR c.valid_until > now())
        WHERE d.status IN ('claimed', 'active')
        """;

    /// <summary>Reads a portion of the backlog into memory.</summary>
    /// <param name="portion">What to read.</param>
    /// <param name="memory">Where it goes.</param>
    /// <param name="now">The timestamp of this moment: what is read is not older.</param>
    /// <param name="connection">Where it is read.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task ReadAsync(
        LoginBacklog.Portion portion, LoginMemory memory, long now, NpgsqlConnection connection, CancellationToken cancellation)
    {
        var mark = memory.Mark();
        if (portion.Tenants)
        {
            memory.Suspend(await ReadSuspendedAsync(connection, cancellation));
        }

        if (portion.All)
        {
            memory.KnowAll(mark, await ReadAsync(connection, null, cancellation));
            memory.Heard(now);
        }
        else if (portion.Devices.Length > 0)
        {
            memory.Know(mark, portion.Devices, await ReadAsync(connection, portion.Devices, cancellation));
        }
    }

    /// <summary>Those of <paramref name="devices"/>, or of all when null, that may log in.</summary>
    private static async Task<Dictionary<Guid, KnownLogin>> ReadAsync(NpgsqlConnection connection, Guid[]? devices, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(devices is null ? Select : $"{Select} AND d.id = ANY($1)", connection);
        if (devices is not null)
        {
            command.Parameters.Add(new() { Value = devices });
        }

        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var found = new Dictionary<Guid, KnownLogin>();
        while (await reader.ReadAsync(cancellation))
        {
            var device = reader.GetGuid(0);
            var secret = new KnownSecret(reader.GetGuid(4), reader.GetFieldValue<byte[]>(5), reader.IsDBNull(6) ? null : reader.GetFieldValue<DateTimeOffset>(6));
            found[device] = found.TryGetValue(device, out var known)
                ? known with { Secrets = [.. known.Secrets, secret] }
                : new KnownLogin(
                    device,
                    reader.GetGuid(1),
                    reader.IsDBNull(2) ? null : reader.GetString(2),
                    Enum.Parse<DeviceStatus>(reader.GetString(3), ignoreCase: true),
                    [secret]);
        }

        return found;
    }

    /// <summary>Tenants whose devices may not log in.</summary>
    private static async Task<List<Guid>> ReadSuspendedAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("SELECT tenant_id FROM tenants WHERE status <> 'active'", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var suspended = new List<Guid>();
        while (await reader.ReadAsync(cancellation))
        {
            suspended.Add(reader.GetGuid(0));
        }

        return suspended;
    }
}
