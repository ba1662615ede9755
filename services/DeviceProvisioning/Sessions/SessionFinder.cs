using EasySmart.DeviceProvisioning.Presence;
using Npgsql;
using NpgsqlTypes;

namespace EasySmart.DeviceProvisioning.Sessions;

/// <summary>A session that is to end, as it was known then.</summary>
/// <param name="ClientId">Its client id.</param>
/// <param name="ChangedAt">The newest that is known of it; null when only the broker knows it.</param>
public sealed record FoundSession(string ClientId, DateTimeOffset? ChangedAt);

/// <summary>Finds the sessions that somebody owes an end: in the table, and of a device also in the broker's list, which is never late.</summary>
public sealed class SessionFinder(BrokerApi broker)
{
    private const string Known =
        """
        SELECT client_id, device_id, changed_at FROM mqtt_sessions
        WHERE (connected OR held_until > $1) AND CASE WHEN $2 IS NOT NULL THEN client_id = $2 WHEN $3 IS NOT NULL THEN credential_id = $3
            WHEN $4 IS NOT NULL THEN device_id = $4 AND tenant_id = $5 ELSE tenant_id = $5 END
        """;

    private const string Others = "SELECT client_id FROM mqtt_sessions WHERE client_id = ANY($1) AND device_id <> $2 AND connected";

    public async Task<List<FoundSession>> FindAsync(NpgsqlTransaction transaction, OwedEnd owed, DateTimeOffset now, CancellationToken cancellation)
    {
        var sessions = await KnownAsync(transaction, owed, now, cancellation);
        if (owed.ClientId is { } clientId)
        {
            return sessions.Count > 0 ? sessions : [new(clientId, null)];
        }

        if (owed.Device is { } device)
        {
            var listed = new List<string>();
            string[] usernames = owed.Label is { } label ? [device.ToString(), label] : [device.ToString()];
            await foreach (var found in broker.OfAsync(usernames, cancellation))
            {
                // A label may be another device's by now, and the device another tenant's.
                if (found.Clientid is { } id && (found.IdOf("device_id") ?? device) == device && (found.IdOf("tenant_id") ?? owed.Tenant) == owed.Tenant
                    && (owed.Credential is null || found.IdOf("credential_id") == owed.Credential))
                {
                    listed.Add(id);
                }
            }

            var known = sessions.Select(session => session.ClientId).ToHashSet(StringComparer.Ordinal);
            known.UnionWith(await OthersAsync(transaction, listed, device, cancellation));
            sessions.AddRange(listed.Where(known.Add).Select(id => new FoundSession(id, null)));
        }

        return sessions;
    }

    private static async Task<List<FoundSession>> KnownAsync(
        NpgsqlTransaction transaction, OwedEnd owed, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(Known, transaction.Connection, transaction);
        command.Parameters.Add(new() { Value = now });
        command.Parameters.Add(new() { Value = owed.ClientId ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = owed.Credential ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid });
        command.Parameters.Add(new() { Value = owed.Device ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid });
        command.Parameters.Add(new() { Value = owed.Tenant });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var sessions = new List<FoundSession>();
        while (await reader.ReadAsync(cancellation))
        {
            sessions.Add(new(reader.GetString(0), reader.GetFieldValue<DateTimeOffset>(2)));
        }

        return sessions;
    }

    private static async Task<List<string>> OthersAsync(
        NpgsqlTransaction transaction, List<string> listed, Guid device, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(Others, transaction.Connection, transaction);
        command.Parameters.Add(new() { Value = listed });
        command.Parameters.Add(new() { Value = device });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var others = new List<string>();
        while (await reader.ReadAsync(cancellation))
        {
            others.Add(reader.GetString(0));
        }

        return others;
    }
}
