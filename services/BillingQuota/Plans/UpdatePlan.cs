using System.Text.Json;
using EasySmart.BillingQuota.Quotas;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace EasySmart.BillingQuota.Plans;

/// <summary>
/// <c>PATCH /plans/{plan_type}</c>: other terms, from now on. Each tenant on the plan follows in what it has nothing of its own for, in the
/// same commit.
/// </summary>
internal static class UpdatePlan
{
    private static readonly Dictionary<string, Func<JsonElement, string?>> s_fields = new()
    {
        ["quota_devices"] = PatchRules.Amount,
        ["quota_msgs_per_min"] = PatchRules.Amount,
        ["quota_storage_mb"] = PatchRules.Amount,
        ["allow_overage"] = PatchRules.Flag,
        ["retention_days"] = PatchRules.Days,
        ["price_monthly_cents"] = PatchRules.Amount,
        ["price_annual_cents"] = PatchRules.Amount,
        ["overage_gb_cents"] = PatchRules.Amount,
        ["rpo_minutes"] = PatchRules.Whole(1, 60 * 24 * 366),
        ["rto_minutes"] = PatchRules.Whole(1, 60 * 24 * 366),
    };

    /// <param name="planType">Which plan. <example>enterprise</example></param>
    /// <param name="patch">What to change.</param>
    /// <param name="caller">Who changes it.</param>
    /// <param name="system">For work on no tenant's behalf.</param>
    /// <param name="clock">Gives the time.</param>
    /// <param name="cancellation">The client has gone.</param>
    public static async Task<Results<Ok<PlanView>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "plan_type")] string planType, MergePatch<PlanChange> patch, Caller caller, SystemContext<BillingDb> system,
        TimeProvider clock, CancellationToken cancellation)
    {
        if (patch.Check(s_fields) is { } problem)
        {
            return problem;
        }

        var db = system.Value;
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        // Waits for those who are putting a tenant on the plan, too: they read it FOR SHARE.
        if (await db.Plans.FromSql($"SELECT * FROM plans WHERE plan_type = {planType} FOR UPDATE").SingleOrDefaultAsync(cancellation) is not { } plan)
        {
            return Problem.NotFound(GetPlan.NotFound);
        }

        var before = PlanView.Of(plan);
        Apply(patch, plan);
        if (PlanView.Of(plan) == before)
        {
            return TypedResults.Ok(before);
        }

        plan.Version++;
        plan.UpdatedAt = clock.GetUtcNow();
        var audit = caller.Audit(clock, "plan.updated", "update", metadata: new { before, after = PlanView.Of(plan) });
        db.Publish(audit with { EventCategory = "billing", Severity = "warning", ResourceType = "plan", ResourceId = planType }, planType);
        await db.SaveChangesAsync(cancellation);
        await db.Database.ExecuteSqlAsync($"INSERT INTO plan_history SELECT *, {caller.Id} FROM plans WHERE plan_type = {planType}", cancellation);
        await FollowAsync(db, (NpgsqlTransaction)transaction.GetDbTransaction(), planType, new Cause(plan.UpdatedAt, caller.RequestId, true, true), cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.Ok(PlanView.Of(plan));
    }

    private static void Apply(MergePatch<PlanChange> patch, Plan plan)
    {
        plan.QuotaDevices = patch.Number("quota_devices", plan.QuotaDevices);
        plan.QuotaMsgsPerMin = patch.Number("quota_msgs_per_min", plan.QuotaMsgsPerMin);
        plan.QuotaStorageMb = patch.Number("quota_storage_mb", plan.QuotaStorageMb);
        plan.AllowOverage = patch.Flag("allow_overage", plan.AllowOverage);
        plan.RetentionDays = patch.Number("retention_days", plan.RetentionDays);
        plan.PriceMonthlyCents = patch.Number("price_monthly_cents", plan.PriceMonthlyCents);
        plan.PriceAnnualCents = patch.Number("price_annual_cents", plan.PriceAnnualCents);
        plan.OverageGbCents = patch.Number("overage_gb_cents", plan.OverageGbCents);
        plan.RpoMinutes = patch.Number("rpo_minutes", plan.RpoMinutes);
        plan.RtoMinutes = patch.Number("rto_minutes", plan.RtoMinutes);
    }

    private static async Task FollowAsync(BillingDb db, NpgsqlTransaction transaction, string planType, Cause cause, CancellationToken cancellation)
    {
        var tenants = await db.TenantPlans.Where(tenant => tenant.PlanType == planType).Select(tenant => tenant.TenantId).ToArrayAsync(cancellation);
        await QuotaReview.LockAsync(transaction, tenants, cancellation);
        var moved = await db.Database.SqlQuery<Guid>(
            $"""
            UPDATE tenant_plans t
            SET quota_devices = coalesce(own_quota_devices, p.quota_devices),
                quota_msgs_per_min = coalesce(own_quota_msgs_per_min, p.quota_msgs_per_min),
                quota_storage_mb = coalesce(own_quota_storage_mb, p.quota_storage_mb),
                allow_overage = coalesce(own_allow_overage, p.allow_overage),
                retention_days = coalesce(own_retention_days, p.retention_days)
            FROM plans p
            WHERE p.plan_type = {planType} AND t.plan_type = p.plan_type
                AND (t.quota_devices, t.quota_msgs_per_min, t.quota_storage_mb, t.allow_overage, t.retention_days) IS DISTINCT FROM
                    (coalesce(own_quota_devices, p.quota_devices), coalesce(own_quota_msgs_per_min, p.quota_msgs_per_min),
                     coalesce(own_quota_storage_mb, p.quota_storage_mb), coalesce(own_allow_overage, p.allow_overage),
                     coalesce(own_retention_days, p.retention_days))
            RETURNING t.tenant_id
            """).ToArrayAsync(cancellation);
        await QuotaReview.RunAsync(transaction, moved, cause, cancellation);
    }
}

/// <summary>What to change; what is absent stays. Nothing can be null.</summary>
/// <param name="QuotaDevices">Devices that a tenant may hold. <example>0</example></param>
/// <param name="QuotaMsgsPerMin">Messages a minute, for each device. <example>36000</example></param>
/// <param name="QuotaStorageMb">Storage in MB (10⁶ bytes), for each tenant. <example>1000000</example></param>
/// <param name="AllowOverage">Whether an enterprise tenant may go on past its storage quota. <example>true</example></param>
/// <param name="RetentionDays">Days for which readings are kept; 0 means without end. <example>730</example></param>
/// <param name="PriceMonthlyCents">Price of a monthly cycle, in centavos of BRL. <example>299900</example></param>
/// <param name="PriceAnnualCents">Price of an annual cycle, in centavos of BRL. <example>2999000</example></param>
/// <param name="OverageGbCents">Price of each GB (10⁹ bytes) stored past the quota, for a month, in centavos of BRL. <example>150</example></param>
/// <param name="RpoMinutes">The most recent minutes that a disaster may cost. <example>60</example></param>
/// <param name="RtoMinutes">Minutes within which the service is back after one. <example>30</example></param>
public sealed record PlanChange(
    int? QuotaDevices = null, int? QuotaMsgsPerMin = null, int? QuotaStorageMb = null, bool? AllowOverage = null, int? RetentionDays = null,
    int? PriceMonthlyCents = null, int? PriceAnnualCents = null, int? OverageGbCents = null, int? RpoMinutes = null, int? RtoMinutes = null);
