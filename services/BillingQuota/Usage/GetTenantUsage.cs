using System.Text.Json.Serialization;
using EasySmart.BillingQuota.Ledger;
using EasySmart.BillingQuota.Snapshots;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace EasySmart.BillingQuota.Usage;

/// <summary><c>GET /tenants/{tenant_id}/usage</c>: what a tenant uses now. It also writes the snapshot of the month that runs.</summary>
internal static class GetTenantUsage
{
    private const string Select =
        """
        SELECT (SELECT coalesce(sum(messages), 0)::bigint FROM usage_minutes WHERE tenant_id = $1 AND minute > $2),
               (SELECT count(*) FROM devices WHERE tenant_id = $1),
               coalesce((SELECT bytes FROM tenant_storage WHERE tenant_id = $1), 0), plan_type, billing_cycle
        FROM tenant_plans WHERE tenant_id = $1
        """;

    public static async Task<Results<Ok<TenantUsage>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "tenant_id")] Guid tenantId, Caller caller, NpgsqlDataSource database, TimeProvider clock, CancellationToken cancellation)
    {
        var now = clock.NowInMicros();
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTenantAsync(tenantId, cancellation);
        if (await ReadAsync(transaction, tenantId, now, cancellation) is not { } usage)
        {
            return Problem.NotFound("Tenant not found");
        }

        var written = await SnapshotWriter.WriteAsync(transaction, [tenantId], Period.MonthOf(now), final: false, now, cancellation);
        if (written is [{ Made: true } snapshot])
        {
            var audit = caller.Audit(clock, "billing.snapshot_generated", "create", metadata: snapshot.Described) with
            {
                TenantId = tenantId,
                ResourceType = "usage_snapshot",
                ResourceId = snapshot.Period,
            };
            await transaction.PublishAsync(audit, $"snapshot:{tenantId}", cancellation);
        }

        await transaction.CommitAsync(cancellation);
        return TypedResults.Ok(usage);
    }

    private static async Task<TenantUsage?> ReadAsync(NpgsqlTransaction transaction, Guid tenant, DateTime now, CancellationToken cancellation)
    {
        await using var select = new NpgsqlCommand(Select, transaction.Connection, transaction)
        {
            Parameters = { new() { Value = tenant }, new() { Value = now.AddHours(-1) } },
        };
        await using var reader = await select.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation)
            ? new TenantUsage(
                tenant, reader.GetInt64(0), reader.GetInt64(1), Storage.Megabytes(reader.GetInt64(2)), reader.GetString(3), reader.GetString(4))
            : null;
    }
}

/// <summary>What a tenant uses now.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="MessagesLast60min">Messages that arrived in the last 60 minutes. <example>2160</example></param>
/// <param name="DevicesTotal">Devices that it holds. <example>12</example></param>
/// <param name="StorageMbEstimated">MB (10⁶ bytes) of payload stored, less what was deleted; exact up to what is a few seconds old. <example>182.455</example></param>
/// <param name="PlanType"><c>starter</c>, <c>pro</c> or <c>enterprise</c>. <example>starter</example></param>
/// <param name="BillingCycle"><c>monthly</c> or <c>annual</c>. <example>monthly</example></param>
public sealed record TenantUsage(
    Guid TenantId, [property: JsonPropertyName("messages_last_60min")] long MessagesLast60min, long DevicesTotal, double StorageMbEstimated, string PlanType, string BillingCycle);
