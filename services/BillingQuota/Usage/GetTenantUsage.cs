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
    private const string LastHour = "SELECT coalesce(sum(messages), 0)::bigint FROM usage_minutes WHERE tenant_id = $1 AND minute > $2";

    public static async Task<Results<Ok<TenantUsage>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "tenant_id")] Guid tenantId, Caller caller, NpgsqlDataSource database, TimeProvider clock, CancellationToken cancellation)
    {
        var now = clock.NowInMicros();
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTenantAsync(tenantId, cancellation);
        var written = await SnapshotWriter.WriteAsync(transaction, [tenantId], Period.MonthOf(now), final: false, now, cancellation);
        if (written is not [var snapshot])
        {
            return Problem.NotFound("Tenant not found");
        }

        if (snapshot.Made)
        {
            var audit = caller.Audit(clock, "billing.snapshot_generated", "create", metadata: snapshot.Described) with
            {
                TenantId = tenantId,
                ResourceType = "usage_snapshot",
                ResourceId = snapshot.Period,
            };
            await transaction.PublishAsync(audit, $"snapshot:{tenantId}", cancellation);
        }

        await using var count = new NpgsqlCommand(LastHour, connection, transaction)
        {
            Parameters = { new() { Value = tenantId }, new() { Value = now.AddHours(-1) } },
        };
        var messages = (long)(await count.ExecuteScalarAsync(cancellation))!;
        await transaction.CommitAsync(cancellation);
        return TypedResults.Ok(new TenantUsage(
            tenantId, messages, snapshot.Devices, Storage.Megabytes(snapshot.StorageBytes), snapshot.PlanType, snapshot.BillingCycle));
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
