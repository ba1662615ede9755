using EasySmart.DeviceProvisioning.Mqtt;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Commands;

/// <summary>A command that may be sent now.</summary>
public sealed record DueCommand(Guid Id, Guid Tenant, Guid Device, string Name, string? Payload, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, int Due)
{
    /// <summary>Where the device hears of it.</summary>
    public string Topic => $"{Topics.Of(Tenant, Device)}/commands/{Name}";

    /// <summary>When the broker took it; null when it has not.</summary>
    public DateTimeOffset? SentAt { get; set; }

    /// <summary>Was tried, or need not be: not to be tried again before there is a new reason.</summary>
    public bool Handled { get; set; }
}

/// <summary>A device's commands within the transaction that sends them.</summary>
public static class DueCommands
{
    // "cmds" in ASCII. For the transaction, so a process that dies gives it back at once; and not the rows: who reports that the device is back
    // must not wait for the broker.
    private const string Take = "SELECT pg_try_advisory_xact_lock(1668113523, hashtext($1))";

    private const string Devices =
        """
        SELECT DISTINCT device_id FROM commands WHERE due > 0 AND state IN ('queued', 'sent') AND device_id > $1 AND expires_at > $2
        ORDER BY device_id LIMIT $3
        """;

    // With one that is due go all that wait: the device may have come back a moment ago, and must not get the new one first.
    private const string Select =
        """
        SELECT c.id, c.tenant_id, c.name, c.payload::text, c.created_at, c.expires_at, c.due, d.id IS NOT NULL
        FROM commands c LEFT JOIN devices d ON d.id = c.device_id AND d.tenant_id = c.tenant_id AND d.status IN ('claimed', 'active')
        WHERE c.device_id = $1 AND c.state IN ('queued', 'sent') AND (c.state = 'queued' OR c.due > 0) AND c.expires_at > $2
        ORDER BY c.number
        """;

    // Reasons that came meanwhile stay. An answer may have been quicker than this.
    private const string Store =
        """
        UPDATE commands c SET due = greatest(0, c.due - s.due),
            state = CASE WHEN s.sent_at IS NOT NULL AND c.state = 'queued' THEN 'sent' ELSE c.state END,
            sent_at = CASE WHEN s.sent_at IS NOT NULL AND c.state IN ('queued', 'sent') THEN s.sent_at ELSE c.sent_at END,
            sendings = c.sendings + CASE WHEN s.sent_at IS NULL THEN 0 ELSE 1 END
        FROM (SELECT c.id, s.due, s.sent_at FROM unnest($1, $2, $3) s (id, due, sent_at) JOIN commands c ON c.id = s.id ORDER BY c.number FOR UPDATE OF c) s
        WHERE c.id = s.id
        """;

    /// <summary>Devices with something to send, from the one after <paramref name="last"/> on in the order of their ids.</summary>
    public static async Task<List<Guid>> DevicesAsync(
        NpgsqlDataSource database, Guid last, int most, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(Devices);
        command.Parameters.Add(new() { Value = last });
        command.Parameters.Add(new() { Value = now });
        command.Parameters.Add(new() { Value = most });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var devices = new List<Guid>();
        while (await reader.ReadAsync(cancellation))
        {
            devices.Add(reader.GetGuid(0));
        }

        return devices;
    }

    /// <summary>The device's commands in their order, for nobody else until the transaction ends; none when another instance sends them.</summary>
    public static async Task<List<DueCommand>> TakeAsync(NpgsqlTransaction transaction, Guid device, DateTimeOffset now, CancellationToken cancellation)
    {
        var commands = new List<DueCommand>();
        await using (var take = new NpgsqlCommand(Take, transaction.Connection, transaction) { Parameters = { new() { Value = device.ToString() } } })
        {
            if (await take.ExecuteScalarAsync(cancellation) is not true)
            {
                return commands;
            }
        }

        await using var select = new NpgsqlCommand(Select, transaction.Connection, transaction)
        {
            Parameters = { new() { Value = device }, new() { Value = now } },
        };
        await using var reader = await select.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            commands.Add(new(
                reader.GetGuid(0),
                reader.GetGuid(1),
                device,
                reader.GetString(2),
                await reader.IsDBNullAsync(3, cancellation) ? null : reader.GetString(3),
                reader.GetFieldValue<DateTimeOffset>(4),
                reader.GetFieldValue<DateTimeOffset>(5),
                reader.GetInt32(6))
            {
                // A device that may not connect, or is another tenant's, gets nothing.
                Handled = !reader.GetBoolean(7),
            });
        }

        return commands;
    }

    /// <summary>Stores what became of them.</summary>
    public static async Task StoreAsync(NpgsqlTransaction transaction, IReadOnlyList<DueCommand> handled, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(Store, transaction.Connection, transaction)
        {
            Parameters =
            {
                new() { Value = handled.Select(c => c.Id).ToArray() },
                new() { Value = handled.Select(c => c.Due).ToArray() },
                new() { Value = handled.Select(c => c.SentAt?.ToUniversalTime()).ToArray() },
            },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
