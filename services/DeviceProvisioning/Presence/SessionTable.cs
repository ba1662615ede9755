using Npgsql;
using NpgsqlTypes;

namespace EasySmart.DeviceProvisioning.Presence;

/// <summary>The table <c>mqtt_sessions</c> within one transaction.</summary>
public static class SessionTable
{
    // A row for each, or instances that hear of the same new client id at the same time would have nothing to wait for each other at.
    private const string Make =
        """
        INSERT INTO mqtt_sessions (client_id, tenant_id, device_id, username, connected, connected_at, expiry_interval, changed_at)
        SELECT s.client_id, s.tenant_id, s.device_id, '', false, to_timestamp(0), 0, to_timestamp(0)
        FROM unnest($1, $2, $3) s (client_id, tenant_id, device_id) ORDER BY s.client_id COLLATE "C"
        ON CONFLICT (client_id) DO NOTHING
        """;

    private const string Lock =
        """
        SELECT client_id, tenant_id, device_id, credential_id, username, address, connected, connected_at, expiry_interval, changed_at, held_until
        FROM mqtt_sessions WHERE client_id = ANY($1) ORDER BY client_id COLLATE "C" FOR UPDATE
        """;

    private const string Write =
        """
        UPDATE mqtt_sessions SET tenant_id = s.tenant_id, device_id = s.device_id, credential_id = s.credential_id, username = s.username,
            address = s.address, connected = s.connected, connected_at = s.connected_at, expiry_interval = s.expiry_interval,
            changed_at = s.changed_at, held_until = s.held_until
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) s (client_id, tenant_id, device_id, credential_id, username, address, connected,
            connected_at, expiry_interval, changed_at, held_until)
        WHERE mqtt_sessions.client_id = s.client_id
        """;

    private const string End =
        """
        UPDATE mqtt_sessions SET connected = false, held_until = NULL WHERE client_id IN (
            SELECT s.client_id FROM mqtt_sessions s JOIN unnest($1, $2) e (client_id, changed_at) USING (client_id, changed_at)
            ORDER BY s.client_id COLLATE "C" FOR UPDATE OF s)
        """;

    /// <summary>The rows of these events' sessions, which nobody else changes until the transaction ends.</summary>
    public static async Task<Dictionary<string, SessionRow>> LockSessionsAsync(
        this NpgsqlTransaction transaction, IEnumerable<SessionEvent> events, CancellationToken cancellation)
    {
        var first = events.DistinctBy(e => e.ClientId).ToList();
        var ids = first.ConvertAll(e => e.ClientId);
        if (ids.Count == 0)
        {
            return [];
        }

        await using (var make = new NpgsqlCommand(Make, transaction.Connection, transaction)
        {
            Parameters = { new() { Value = ids }, new() { Value = first.ConvertAll(e => e.Tenant) }, new() { Value = first.ConvertAll(e => e.Device) } },
        })
        {
            await make.ExecuteNonQueryAsync(cancellation);
        }

        await using var command = new NpgsqlCommand(Lock, transaction.Connection, transaction) { Parameters = { new() { Value = ids } } };
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var rows = new Dictionary<string, SessionRow>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellation))
        {
            var row = Read(reader);
            rows.Add(row.ClientId, row);
        }

        return rows;
    }

    /// <summary>Stores the rows that changed.</summary>
    public static async Task WriteSessionsAsync(this NpgsqlTransaction transaction, IReadOnlyList<SessionRow> rows, CancellationToken cancellation)
    {
        if (rows.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand(Write, transaction.Connection, transaction);
        Add(NpgsqlDbType.Text, row => row.ClientId);
        Add(NpgsqlDbType.Uuid, row => row.Tenant);
        Add(NpgsqlDbType.Uuid, row => row.Device);
        Add(NpgsqlDbType.Uuid, row => row.Credential);
        Add(NpgsqlDbType.Text, row => row.Username);
        Add(NpgsqlDbType.Text, row => row.Address);
        Add(NpgsqlDbType.Boolean, row => row.Connected);
        Add(NpgsqlDbType.TimestampTz, row => row.ConnectedAt.ToUniversalTime());
        Add(NpgsqlDbType.Bigint, row => row.ExpiryInterval);
        Add(NpgsqlDbType.TimestampTz, row => row.ChangedAt.ToUniversalTime());
        Add(NpgsqlDbType.TimestampTz, row => row.HeldUntil?.ToUniversalTime());
        await command.ExecuteNonQueryAsync(cancellation);

        void Add<T>(NpgsqlDbType type, Func<SessionRow, T> of) =>
            command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | type, Value = rows.Select(of).ToArray() });
    }

    /// <summary>These sessions are over, unless anything has happened to them since they were read.</summary>
    public static async Task EndSessionsAsync(
        this NpgsqlTransaction transaction, IReadOnlyList<(string ClientId, DateTimeOffset ChangedAt)> sessions, CancellationToken cancellation)
    {
        if (sessions.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand(End, transaction.Connection, transaction)
        {
            Parameters =
            {
                new() { Value = sessions.Select(session => session.ClientId).ToArray() },
                new() { Value = sessions.Select(session => session.ChangedAt.ToUniversalTime()).ToArray() },
            },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private static SessionRow Read(NpgsqlDataReader reader) => new()
    {
        ClientId = reader.GetString(0),
        Tenant = reader.GetGuid(1),
        Device = reader.GetGuid(2),
        Credential = reader.IsDBNull(3) ? null : reader.GetGuid(3),
        Username = reader.GetString(4),
        Address = reader.IsDBNull(5) ? null : reader.GetString(5),
        Connected = reader.GetBoolean(6),
        ConnectedAt = reader.GetFieldValue<DateTimeOffset>(7),
        ExpiryInterval = reader.GetInt64(8),
        ChangedAt = reader.GetFieldValue<DateTimeOffset>(9),
        HeldUntil = reader.IsDBNull(10) ? null : reader.GetFieldValue<DateTimeOffset>(10),
    };
}
