using EasySmart.BillingQuota.Quotas;
using EasySmart.Contracts.Identity;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.BillingQuota.Plans;

/// <summary>Gives a new tenant the starter plan and tells whoever enforces it, in one commit. A tenant that has a plan keeps it.</summary>
internal sealed class GiveDefaultPlan(TimeProvider clock) : IEventHandler<TenantCreated>
{
    // FOR SHARE: the plan does not change between its being read and the tenant's following it.
    private const string Insert =
        """
        INSERT INTO tenant_plans (tenant_id, plan_type, billing_cycle, quota_devices, quota_msgs_per_min, quota_storage_mb, allow_overage,
                                  retention_days, since, updated_at, version)
        SELECT $1, plan_type, 'monthly', quota_devices, quota_msgs_per_min, quota_storage_mb, allow_overage, retention_days, $2, $3,
               nextval('tenant_plan_version')
        FROM plans WHERE plan_type = 'starter' FOR SHARE
        ON CONFLICT (tenant_id) DO NOTHING
        """;

    public async Task HandleAsync(TenantCreated @event, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        await using var insert = new NpgsqlCommand(Insert, transaction.Connection, transaction)
        {
            Parameters = { new() { Value = @event.TenantId }, new() { Value = @event.OccurredAt.UtcDateTime }, new() { Value = now } },
        };
        if (await insert.ExecuteNonQueryAsync(cancellation) > 0)
        {
            // Usage and devices may have come before the plan.
            await QuotaReview.RunAsync(transaction, [@event.TenantId], new Cause(now, @event.RequestId, StateChanged: true, CountDevices: true), cancellation);
        }
    }
}
