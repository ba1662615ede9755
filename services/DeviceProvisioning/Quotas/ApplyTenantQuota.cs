using EasySmart.Contracts.BillingQuota;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Quotas;

/// <summary>Keeps the replica of the tenants' quotas: the newer version wins, in whatever order they come.</summary>
public sealed class ApplyTenantQuota : IEventHandler<TenantQuotaChanged>
{
    /// <summary>How it is filled from BillingQuota.</summary>
    public static Replica<TenantQuota> Replica { get; } = new(
        "quotas", "services:billing-quota:http:0", "/internal/quotas", "0", q => $"{q.Version}", ApplyAsync);

    public Task HandleAsync(TenantQuotaChanged @event, NpgsqlTransaction transaction, CancellationToken cancellation) => ApplyAsync(
        new TenantQuota { TenantId = @event.TenantId, PlanType = @event.PlanType, QuotaDevices = @event.QuotaDevices, Version = @event.Version },
        transaction,
        cancellation);

    /// <summary>Takes over <paramref name="quota"/> unless the replica holds a newer one.</summary>
    private static async Task ApplyAsync(TenantQuota quota, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var upsert = new NpgsqlCommand(
            """
            INSERT INTO tenant_quotas AS held (tenant_id, plan_type, quota_devices, version) VALUES ($1, $2, $3, $4)
            ON CONFLICT (tenant_id) DO UPDATE
                SET plan_type = excluded.plan_type, quota_devices = excluded.quota_devices, version = excluded.version
                WHERE held.version < excluded.version
            """,
            transaction.Connection,
            transaction)
        {
            Parameters =
            {
                new() { Value = quota.TenantId },
                new() { Value = quota.PlanType },
                new() { Value = quota.QuotaDevices },
                new() { Value = quota.Version },
            },
        };
        await upsert.ExecuteNonQueryAsync(cancellation);
    }
}
