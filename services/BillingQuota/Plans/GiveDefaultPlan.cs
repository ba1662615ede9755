using EasySmart.Contracts.Identity;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.BillingQuota.Plans;

/// <summary>Gives a new tenant its plan and tells whoever enforces it, in one commit. A tenant that has a plan keeps it.</summary>
internal sealed class GiveDefaultPlan(TimeProvider clock) : IEventHandler<TenantCreated>
{
    private const string Insert =
        """
        INSERT INTO tenant_plans (tenant_id, plan_type, billing_cycle, quota_devices, quota_msgs_per_min, quota_storage_mb, allow_overage,
                                  retention_days, updated_at, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, nextval('tenant_plan_version'))
        ON CONFLICT (tenant_id) DO NOTHING
        RETURNING version
        """;

    public async Task HandleAsync(TenantCreated @event, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        var plan = TenantPlan.Default(@event.TenantId, clock.GetUtcNow());
        await using var insert = new NpgsqlCommand(Insert, transaction.Connection, transaction);
        foreach (var value in new object[]
        {
            plan.TenantId, plan.PlanType, plan.BillingCycle, plan.QuotaDevices, plan.QuotaMsgsPerMin, plan.QuotaStorageMb, plan.AllowOverage,
            plan.RetentionDays, plan.UpdatedAt,
        })
        {
            insert.Parameters.Add(new() { Value = value });
        }

        if (await insert.ExecuteScalarAsync(cancellation) is long version)
        {
            plan.Version = version;
            await transaction.PublishAsync(plan.Changed(@event.RequestId), plan.TenantId.ToString(), cancellation);
        }
    }
}
