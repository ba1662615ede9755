using EasySmart.ServiceDefaults.Postgres;
using EasySmart.TelemetryQuery.Values;
using Npgsql;

namespace EasySmart.TelemetryQuery.Aggregates;

/// <summary>A slot of a device, and how far its rollups were when it was looked up.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="Slot">Its slot.</param>
/// <param name="RolledUntil">Every quarter that ended by then is in the rollups or marked as due, from then on for good.</param>
/// <param name="DueFrom">The first quarter of the range that was due; the beginning of 1970 when none was.</param>
/// <param name="DueTo">The end of the last.</param>
internal sealed record Series(Guid DeviceId, short Slot, DateTime RolledUntil, DateTime DueFrom, DateTime DueTo)
{
    private const string Sql =
        $"""
        SELECT d.device_id, p.rolled_until, coalesce(due.first, 'epoch'), coalesce(due.last + interval '15 minutes', 'epoch')
        FROM tenant.devices d
        CROSS JOIN tenant.rollup_progress p
        CROSS JOIN LATERAL (
            SELECT min(u.quarter) AS first, max(u.quarter) AS last FROM tenant.rollups_due u
            WHERE u.device_id = d.device_id AND u.slot = $3 AND u.quarter >= $4 AND u.quarter < $5) AS due
        WHERE {DeviceSelector.Where}
        """;

    /// <summary>Null when the tenant has no such device, or it is inactive.</summary>
    public static async Task<Series?> FindAsync(
        NpgsqlDataSource database, Guid tenant, DeviceSelector device, short slot, AggregatePlan plan, CancellationToken cancellation)
    {
        var query = new NpgsqlBatchCommand(Sql);
        device.AddTo(query);
        query.Parameters.Add(new() { Value = slot });
        query.Parameters.Add(new() { Value = plan.From });
        query.Parameters.Add(new() { Value = plan.To });
        await using var reader = await database.QueryTenantAsync(tenant, query, cancellation);
        return await reader.ReadAsync(cancellation)
            ? new Series(reader.GetGuid(0), slot, reader.GetDateTime(1), reader.GetDateTime(2), reader.GetDateTime(3))
            : null;
    }
}
