using System.Text.Json;
using EasySmart.BillingQuota.Usage;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace EasySmart.BillingQuota.Snapshots;

/// <summary><c>GET /tenants/{tenant_id}/snapshots</c>: what a tenant used, month by month, newest first.</summary>
internal static class ListSnapshots
{
    private const string Select =
        """
        SELECT s.period, s.final, s.taken_at, s.plan_type, s.billing_cycle, s.devices, s.storage_bytes, s.meters
        FROM tenant_plans p LEFT JOIN usage_snapshots s ON s.tenant_id = p.tenant_id
        WHERE p.tenant_id = $1 ORDER BY s.period DESC
        """;

    public static async Task<Results<Ok<List<UsageSnapshot>>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "tenant_id")] Guid tenantId, NpgsqlDataSource database, CancellationToken cancellation)
    {
        var query = new NpgsqlBatchCommand(Select) { Parameters = { new() { Value = tenantId } } };
        await using var reader = await database.QueryTenantAsync(tenantId, query, cancellation);
        if (!await reader.ReadAsync(cancellation))
        {
            return Problem.NotFound("Tenant not found");
        }

        var snapshots = new List<UsageSnapshot>();
        do
        {
            if (!reader.IsDBNull(0))
            {
                var meters = JsonSerializer.Deserialize<Dictionary<string, long>>(reader.GetString(7))!;
                snapshots.Add(new UsageSnapshot(
                    reader.GetString(0), reader.GetBoolean(1), reader.GetDateTime(2), reader.GetString(3), reader.GetString(4), reader.GetInt64(5),
                    Storage.Megabytes(reader.GetInt64(6)),
                    [.. Meters.All.Select(meter => new MeterTotal(meter, meters.GetValueOrDefault(meter)))]));
            }
        }
        while (await reader.ReadAsync(cancellation));
        return TypedResults.Ok(snapshots);
    }
}

/// <summary>A tenant's month, as it was when the snapshot was taken.</summary>
/// <param name="Period">The month, in UTC. <example>2026-11</example></param>
/// <param name="Final">Whether the month is over and this stays as it is.</param>
/// <param name="TakenAt">When it was taken. <example>2026-12-01T00:05:12Z</example></param>
/// <param name="PlanType">The plan at that time. <example>starter</example></param>
/// <param name="BillingCycle">The billing cycle at that time. <example>monthly</example></param>
/// <param name="DevicesTotal">Devices that the tenant held at that time. <example>12</example></param>
/// <param name="StorageMb">MB (10⁶ bytes) of payload that it had stored, to the end of the month. <example>182.455</example></param>
/// <param name="Meters">What it used in the month, of every meter; when final, also what was told of too late for the months before.</param>
public sealed record UsageSnapshot(
    string Period, bool Final, DateTimeOffset TakenAt, string PlanType, string BillingCycle, long DevicesTotal, double StorageMb,
    IReadOnlyList<MeterTotal> Meters);

/// <summary>What was used of one meter.</summary>
/// <param name="Meter">The meter. <example>messages</example></param>
/// <param name="Total">How much. <example>1036800</example></param>
public sealed record MeterTotal(string Meter, long Total);
