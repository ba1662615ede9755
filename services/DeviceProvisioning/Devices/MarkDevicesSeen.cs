using EasySmart.Contracts.Ingestion;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>Ingestion saw readings: <c>last_seen_at</c> moves forward, and a claimed device becomes active.</summary>
public sealed class MarkDevicesSeen(TimeProvider clock) : IEventHandler<DevicesSeen>
{
    // Locked in the order of ids, or two events about the same devices deadlock. A device that has changed hands since is left alone.
    private const string Lock =
        """
        SELECT d.id FROM devices d JOIN unnest($1, $2) s (tenant_id, device_id) ON d.id = s.device_id AND d.tenant_id = s.tenant_id
        ORDER BY d.id FOR UPDATE OF d
        """;

    // In a statement of its own, so that it sees what was committed while the locks were waited for.
    private const string Move =
        """
        UPDATE devices d SET last_seen_at = s.seen_at
        FROM (SELECT tenant_id, device_id, max(seen_at) FROM unnest($1, $2, $3) e (tenant_id, device_id, seen_at) GROUP BY 1, 2)
            s (tenant_id, device_id, seen_at)
        WHERE d.id = s.device_id AND d.tenant_id = s.tenant_id AND (d.last_seen_at IS NULL OR d.last_seen_at < s.seen_at)
        """;

    public async Task HandleAsync(DevicesSeen @event, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        var tenants = @event.Entries.Select(e => e.TenantId).ToArray();
        var devices = @event.Entries.Select(e => e.DeviceId).ToArray();
        var seen = @event.Entries.Select(e => e.SeenAt.ToUniversalTime()).ToArray();
        var known = await LockAsync(transaction, tenants, devices, cancellation);
        await using var move = new NpgsqlCommand(Move, transaction.Connection, transaction)
        {
            Parameters = { new() { Value = tenants }, new() { Value = devices }, new() { Value = seen } },
        };
        await move.ExecuteNonQueryAsync(cancellation);
        await Activation.ApplyAsync(transaction, known, clock.GetUtcNow(), address: null, cancellation);
    }

    private static async Task<Guid[]> LockAsync(NpgsqlTransaction transaction, Guid[] tenants, Guid[] devices, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(Lock, transaction.Connection, transaction)
        {
            Parameters = { new() { Value = tenants }, new() { Value = devices } },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var known = new List<Guid>();
        while (await reader.ReadAsync(cancellation))
        {
            known.Add(reader.GetGuid(0));
        }

        return [.. known.Distinct()];
    }
}
