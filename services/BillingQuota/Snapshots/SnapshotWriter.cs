using System.Text.Json;
using EasySmart.BillingQuota.Usage;
using Npgsql;

namespace EasySmart.BillingQuota.Snapshots;

/// <summary>A tenant's month, and whether it was written for the first time.</summary>
internal sealed record Snapshot(
    Guid TenantId, string Period, bool Final, string PlanType, string BillingCycle, long Devices, long StorageBytes,
    IReadOnlyDictionary<string, long> Meters, bool Made)
{
    /// <summary>What an audit record says of it.</summary>
    public object Described => new { Period, Final, Devices, StorageBytes, Meters };
}

/// <summary>Writes the snapshots of a month: one for each tenant and period, which is replaced until it is final.</summary>
/// <remarks>
/// Until then it holds what was used in the hours of the month. The final one holds everything that was used to the month's end less what the
/// final ones before it hold: the month, and what was told of too late for the snapshots of months before. So whatever is used is in exactly
/// one final snapshot, whenever it comes and is posted, and together they are the ledger's balance.
/// </remarks>
internal static class SnapshotWriter
{
    // xmax is 0 of a row that the statement inserted, and not of one that it updated.
    private const string Write =
        $"""
        INSERT INTO usage_snapshots AS s (tenant_id, period, final, taken_at, plan_type, billing_cycle, devices, storage_bytes, meters)
        SELECT p.tenant_id, $2, $3, $4, p.plan_type, p.billing_cycle,
            (SELECT count(*) FROM devices d WHERE d.tenant_id = p.tenant_id),
            (SELECT coalesce(sum(CASE meter WHEN '{Meters.BytesStored}' THEN amount ELSE -amount END), 0) FROM usage_hours u
             WHERE u.tenant_id = p.tenant_id AND meter IN ('{Meters.BytesStored}', '{Meters.BytesDeleted}') AND hour < $6),
            (SELECT coalesce(jsonb_object_agg(meter, amount), jsonb_build_object())
             FROM (SELECT meter, sum(amount)::bigint AS amount
                   FROM (SELECT meter, amount FROM usage_hours u
                         WHERE u.tenant_id = p.tenant_id AND meter = ANY($7) AND (hour >= $5 OR $3) AND hour < $6
                         UNION ALL
                         SELECT meter, -amount::bigint FROM usage_snapshots f CROSS JOIN jsonb_each_text(f.meters) AS held (meter, amount)
                         WHERE f.tenant_id = p.tenant_id AND f.final AND f.period < $2 AND $3) AS parts
                   GROUP BY meter) AS used
             WHERE amount <> 0)
        FROM tenant_plans p WHERE p.tenant_id = ANY($1) ORDER BY p.tenant_id
        ON CONFLICT (tenant_id, period) DO UPDATE
        SET final = excluded.final, taken_at = excluded.taken_at, plan_type = excluded.plan_type, billing_cycle = excluded.billing_cycle,
            devices = excluded.devices, storage_bytes = excluded.storage_bytes, meters = excluded.meters
        WHERE NOT s.final
        RETURNING tenant_id, period, final, plan_type, billing_cycle, devices, storage_bytes, meters, xmax = 0
        """;

    /// <summary>Writes the month of every one of these tenants that has a plan; what is final stays as it is and is not returned.</summary>
    /// <param name="transaction">Sees these tenants.</param>
    /// <param name="tenants">The tenants.</param>
    /// <param name="month">The first day of the month.</param>
    /// <param name="final">Whether the month is over, and the months before it have final snapshots.</param>
    /// <param name="now">The time of the snapshot.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<List<Snapshot>> WriteAsync(
        NpgsqlTransaction transaction, Guid[] tenants, DateOnly month, bool final, DateTime now, CancellationToken cancellation)
    {
        await using var write = new NpgsqlCommand(Write, transaction.Connection, transaction)
        {
            // At the month's end, through the whole ledger of these tenants.
            CommandTimeout = 600,
            Parameters =
            {
                new() { Value = tenants },
                new() { Value = Period.Of(month) },
                new() { Value = final },
                new() { Value = now },
                new() { Value = Period.Begin(month) },
                new() { Value = Period.Begin(month.AddMonths(1)) },
                new() { Value = Meters.All },
            },
        };
        await using var reader = await write.ExecuteReaderAsync(cancellation);
        var written = new List<Snapshot>();
        while (await reader.ReadAsync(cancellation))
        {
            written.Add(new Snapshot(
                reader.GetGuid(0), reader.GetString(1), reader.GetBoolean(2), reader.GetString(3), reader.GetString(4), reader.GetInt64(5),
                reader.GetInt64(6), JsonSerializer.Deserialize<Dictionary<string, long>>(reader.GetString(7))!, reader.GetBoolean(8)));
        }

        return written;
    }
}
