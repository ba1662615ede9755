using EasySmart.Contracts.BillingQuota;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.Ingestion.Tenants;

/// <summary>Keeps the replica of the tenants' quotas, and through it every instance's memory of them.</summary>
internal sealed class ApplyTenantQuota : IEventHandler<TenantQuotaChanged>
{
    /// <summary>Every instance listens here. The notice says only that something has changed.</summary>
    public const string Channel = "tenant_quotas";

    /// <summary>How it is filled from BillingQuota.</summary>
    public static Replica<TenantQuota> Replica { get; } = new(
        "quotas", "services:billing-quota:http:0", "/internal/quotas", "0", q => $"{q.Version}", ApplyAsync);

    public Task HandleAsync(TenantQuotaChanged @event, NpgsqlTransaction transaction, CancellationToken cancellation) => ApplyAsync(
        new TenantQuota(
            @event.TenantId, @event.PlanType, @event.BillingCycle, @event.QuotaDevices, @event.QuotaMsgsPerMin, @event.QuotaStorageMb,
            @event.AllowOverage, @event.RetentionDays, @event.Version, @event.StorageBlocked ?? false, @event.StorageBytes ?? 0),
        transaction,
        cancellation);

    private static async Task ApplyAsync(TenantQuota quota, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            $"""
            WITH written AS (
                INSERT INTO tenant_quotas AS known (tenant_id, plan_type, billing_cycle, quota_devices, quota_msgs_per_min, quota_storage_mb,
                                                    allow_overage, retention_days, version, storage_blocked, storage_bytes)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                ON CONFLICT (tenant_id) DO UPDATE SET plan_type = excluded.plan_type, billing_cycle = excluded.billing_cycle,
                    quota_devices = excluded.quota_devices, quota_msgs_per_min = excluded.quota_msgs_per_min,
                    quota_storage_mb = excluded.quota_storage_mb, allow_overage = excluded.allow_overage,
                    retention_days = excluded.retention_days, version = excluded.version, applied_at = excluded.applied_at,
                    storage_blocked = excluded.storage_blocked, storage_bytes = excluded.storage_bytes
                WHERE known.version < excluded.version
                RETURNING 1)
            SELECT pg_notify('{Channel}', '') FROM written
            """,
            transaction.Connection,
            transaction);
        foreach (var value in new object?[]
        {
            quota.TenantId, quota.PlanType, quota.BillingCycle, quota.QuotaDevices, quota.QuotaMsgsPerMin, quota.QuotaStorageMb,
            quota.AllowOverage, quota.RetentionDays, quota.Version, quota.StorageBlocked, quota.StorageBytes,
        })
        {
            command.Parameters.Add(new() { Value = value ?? DBNull.Value });
        }

        await command.ExecuteNonQueryAsync(cancellation);
    }
}
