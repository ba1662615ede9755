using Npgsql;

namespace EasySmart.Ingestion.Batches;

/// <summary>Moves the newest reading of each slot on, and never back.</summary>
internal static class LatestUpsert
{
    public static NpgsqlBatchCommand Of(IReadOnlyList<Reading> stored)
    {
        var command = new NpgsqlBatchCommand(
            $"""
            INSERT INTO latest AS l (tenant_id, device_id, slot, time, received_at, form, value, payload)
            SELECT tenant_id, device_id, slot, time, received_at, form, value, payload FROM {ReadingColumns.Unnest} AS r ({ReadingColumns.Names})
            ON CONFLICT (tenant_id, device_id, slot) DO UPDATE SET time = excluded.time, received_at = excluded.received_at,
                form = excluded.form, value = excluded.value, payload = excluded.payload
            WHERE l.time < excluded.time
            """);
        ReadingColumns.AddTo(command.Parameters, NewestOfEach(stored));
        return command;
    }

    private static List<Reading> NewestOfEach(IReadOnlyList<Reading> stored)
    {
        var newest = new Dictionary<(Guid, Guid, short), Reading>(stored.Count);
        foreach (var reading in stored)
        {
            var key = (reading.Message.TenantId, reading.Message.DeviceId, reading.Message.Slot);
            if (!newest.TryGetValue(key, out var known) || known.Time < reading.Time)
            {
                newest[key] = reading;
            }
        }

        // In one order everywhere, or two instances would wait for each other's rows.
        var sorted = newest.Values.ToList();
        sorted.Sort(static (a, b) => Compare(a.Message, b.Message));
        return sorted;

        static int Compare(Message a, Message b) => a.TenantId.CompareTo(b.TenantId) is var byTenant and not 0 ? byTenant
            : a.DeviceId.CompareTo(b.DeviceId) is var byDevice and not 0 ? byDevice
            : a.Slot.CompareTo(b.Slot);
    }
}
