using EasySmart.Contracts.Quotas;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace EasySmart.BillingQuota.Quotas;

/// <summary>
/// <c>GET /tenants/me/limits</c>: every limit of the caller's plan, what is used of it now, and what happens at it. Of one device,
/// <c>GET /devices/{device_id}/limits</c> tells the same; of queries under way, <c>GET /telemetry/limits</c>.
/// </summary>
internal static class GetLimits
{
    private const string Query =
        """
        SELECT plan_type, billing_cycle, retention_days, storage_blocked, quota_devices, quota_msgs_per_min, quota_storage_mb,
               (SELECT count(*) FROM devices WHERE tenant_id = $1),
               coalesce((SELECT bytes FROM tenant_storage WHERE tenant_id = $1), 0)
        FROM tenant_plans WHERE tenant_id = $1
        """;

    public static async Task<Results<Ok<TenantLimits>, ProblemResult>> HandleAsync(
        TenantScope tenant, NpgsqlDataSource database, TimeProvider clock, CancellationToken cancellation)
    {
        await using var reader = await database.QueryTenantAsync(
            tenant.Id, new NpgsqlBatchCommand(Query) { Parameters = { new() { Value = tenant.Id } } }, cancellation);
        if (!await reader.ReadAsync(cancellation))
        {
            return Problem.NotFound("Tenant not found");
        }

        return TypedResults.Ok(new TenantLimits(
            tenant.Id, reader.GetString(0), reader.GetString(1), reader.GetInt32(2),
            [
                OfDevices(reader.GetInt32(4), reader.GetInt64(7)),
                OfMessages(reader.GetInt32(5), clock.GetUtcNow()),
                OfStorage(reader.GetInt32(6), reader.GetInt64(8), reader.GetBoolean(3)),
            ]));
    }

    private static LimitView OfDevices(int max, long used) => LimitView.Of(
        QuotaLimits.Devices, "tenant", max, used, "devices",
        "Provisioning and claiming are refused with 429 quota_exceeded until a device is deleted or reset, or the quota is raised.",
        used >= max ? "blocked" : null);

    private static LimitView OfStorage(int max, long bytes, bool isBlocked) => LimitView.Of(
        QuotaLimits.StorageMb, "tenant", max, (decimal)bytes / TenantStorage.BytesPerMb, "MB",
        "Further readings are refused: 429 quota_exceeded over HTTP, recorded as rejections over MQTT, until retention frees room or the quota "
            + "is raised. An enterprise plan with overage goes on, metered. What arrives in the seconds until the limit is noticed is stored.",
        isBlocked ? "blocked" : bytes >= max * TenantStorage.BytesPerMb ? "overage" : null);

    // What a device has sent in this minute, only ingestion knows.
    private static LimitView OfMessages(int max, DateTimeOffset now) => LimitView.Of(
        QuotaLimits.MessagesPerMinute, "device", max, used: null, "messages",
        "Further messages of the device are refused until the minute ends: 429 quota_exceeded over HTTP, recorded as rejections over MQTT. "
            + "GET /devices/{device_id}/limits tells what each device has used, also of late messages, which have a limit of their own.",
        windowSeconds: 60,
        resetsAt: now.AddTicks(TimeSpan.TicksPerMinute - (now.Ticks % TimeSpan.TicksPerMinute)));
}

/// <summary>Every limit of a tenant.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="PlanType"><c>starter</c>, <c>pro</c> or <c>enterprise</c>. <example>starter</example></param>
/// <param name="BillingCycle"><c>monthly</c> or <c>annual</c>. <example>monthly</example></param>
/// <param name="RetentionDays">Days for which readings are kept; 0 means without end. <example>90</example></param>
/// <param name="Limits">The limits.</param>
public sealed record TenantLimits(Guid TenantId, string PlanType, string BillingCycle, int RetentionDays, IReadOnlyList<LimitView> Limits);
