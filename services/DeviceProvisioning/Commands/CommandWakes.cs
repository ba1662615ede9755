using EasySmart.DeviceProvisioning.Presence;
using Npgsql;
using NpgsqlTypes;

namespace EasySmart.DeviceProvisioning.Commands;

/// <summary>A device has come back: what waits for it is due.</summary>
public static class CommandWakes
{
    // What was sent before a fresh subscription may have been lost with the former session, and is sent again under the same id; three times
    // in all, or a device that restarts before it answers would be made to restart for as long as the command lives. Locked in the order of
    // sending, as the dispatcher does.
    private const string Update =
        """
        UPDATE commands SET due = due + 1 WHERE id IN (
            SELECT c.id FROM unnest($1, $2, $3, $4, $5) e (tenant_id, device_id, at, name, subscribed)
            JOIN commands c ON c.device_id = e.device_id AND c.tenant_id = e.tenant_id AND c.state IN ('queued', 'sent')
            WHERE (e.name IS NULL OR c.name = e.name) AND (c.state = 'queued' OR (e.subscribed AND c.sent_at < e.at AND c.sendings < 3))
            ORDER BY c.number FOR UPDATE OF c)
        """;

    /// <summary>Makes the open commands of these devices due.</summary>
    /// <returns>Whether there were any.</returns>
    public static async Task<bool> WakeAsync(
        this NpgsqlTransaction transaction, IReadOnlyList<SessionEvent> reachable, CancellationToken cancellation)
    {
        if (reachable.Count == 0)
        {
            return false;
        }

        await using var command = new NpgsqlCommand(Update, transaction.Connection, transaction)
        {
            Parameters =
            {
                new() { Value = reachable.Select(e => e.Tenant).ToArray() },
                new() { Value = reachable.Select(e => e.Device).ToArray() },
                new() { Value = reachable.Select(e => e.At.ToUniversalTime()).ToArray() },
                new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, Value = reachable.Select(e => (e as CommandsSubscribed)?.Command).ToArray() },
                new() { Value = reachable.Select(e => e is CommandsSubscribed).ToArray() },
            },
        };
        return await command.ExecuteNonQueryAsync(cancellation) > 0;
    }
}
