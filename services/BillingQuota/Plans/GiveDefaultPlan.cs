using EasySmart.BillingQuota.Quotas;
using EasySmart.Contracts.Identity;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.BillingQuota.Plans;

/// <summary>A tenant as Identity answers it.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="CreatedAt">Since when there is one.</param>
internal sealed record NewTenant(Guid TenantId, DateTimeOffset CreatedAt);

/// <summary>Gives a new tenant the starter plan and tells whoever enforces it, in one commit. A tenant that has a plan keeps it.</summary>
internal sealed class GiveDefaultPlan(TimeProvider clock) : IEventHandler<TenantCreated>
{
    /// <summary>Configuration key of Identity's address.</summary>
    public const string AddressKey = "services:identity:http:0";

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

    public Task HandleAsync(TenantCreated @event, NpgsqlTransaction transaction, CancellationToken cancellation) =>
        GiveAsync(new NewTenant(@event.TenantId, @event.OccurredAt), new Cause(clock.GetUtcNow(), @event.RequestId), transaction, cancellation);

    /// <summary>How those get one that Identity knows and we were not told of.</summary>
    public static Replica<NewTenant> Replica(TimeProvider clock) => new(
        "tenants", AddressKey, "/internal/tenants", $"{Guid.Empty}", t => $"{t.TenantId}",
        (tenant, transaction, cancellation) => GiveAsync(tenant, new Cause(clock.GetUtcNow()), transaction, cancellation));

    /// <summary>As the event does.</summary>
    public static async Task GiveAsync(NewTenant tenant, Cause cause, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var insert = new NpgsqlCommand(Insert, transaction.Connection, transaction)
        {
            Parameters = { new() { Value = tenant.TenantId }, new() { Value = tenant.CreatedAt.UtcDateTime }, new() { Value = cause.At } },
        };
        if (await insert.ExecuteNonQueryAsync(cancellation) > 0)
        {
            // Usage and devices may have come before the plan.
            await QuotaReview.RunAsync(transaction, [tenant.TenantId], cause with { StateChanged = true, CountDevices = true }, cancellation);
        }
    }
}
