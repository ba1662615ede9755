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
/// <c>PATCH /tenants/{tenant_id}/quotas</c>: another plan or cycle, and what the tenant has of its own in the place of its plan's. Whoever
/// enforces it is told in the same commit.
/// </summary>
internal static class UpdateQuotas
{
    private static readonly Dictionary<string, Func<JsonElement, string?>> s_fields = new()
    {
        ["plan_type"] = PatchRules.OneOf(PlanTerms.Starter, PlanTerms.Pro, PlanTerms.Enterprise),
        ["billing_cycle"] = PatchRules.OneOf("monthly", "annual"),
        ["quota_devices"] = PatchRules.OrNull(PatchRules.Amount),
        ["quota_msgs_per_min"] = PatchRules.OrNull(PatchRules.Amount),
        ["quota_storage_mb"] = PatchRules.OrNull(PatchRules.Amount),
        ["allow_overage"] = PatchRules.OrNull(PatchRules.Flag),
        ["retention_days"] = PatchRules.OrNull(PatchRules.Days),
    };

    public static async Task<Results<Ok<TenantQuotas>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "tenant_id")] Guid tenantId, MergePatch<QuotasChange> patch, Caller caller, SystemContext<BillingDb> system,
        TimeProvider clock, CancellationToken cancellation)
    {
        if (patch.Check(s_fields) is { } problem)
        {
            return problem;
        }

        var db = system.Value;
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        // The plans before the tenant, as everybody locks them: a plan does not change between its being read and being in force for the tenant.
        var plans = await db.Plans.FromSql($"SELECT * FROM plans ORDER BY plan_type FOR SHARE").AsNoTracking().ToListAsync(cancellation);
        if (await db.TenantPlans.FromSql($"SELECT * FROM tenant_plans WHERE tenant_id = {tenantId} FOR NO KEY UPDATE")
                .SingleOrDefaultAsync(cancellation) is not { } tenant)
        {
            return Problem.NotFound("Tenant not found");
        }

        var before = TenantTerms.Of(tenant);
        Apply(patch, tenant);
        tenant.Follow(plans.Single(plan => plan.PlanType == tenant.PlanType));
        var after = TenantTerms.Of(tenant);
        if (after == before)
        {
            return TypedResults.Ok(TenantQuotas.Of(tenant));
        }

        var audit = caller.Audit(clock, "quota.updated", "update", metadata: new { before, after });
        db.Publish(
            audit with { TenantId = tenantId, EventCategory = "billing", Severity = "warning", ResourceType = "tenant", ResourceId = $"{tenantId}" },
            $"{tenantId}");
        await db.SaveChangesAsync(cancellation);
        // A value of its own that is the plan's too changes nothing for those who enforce it.
        var cause = new Cause(audit.OccurredAt, caller.RequestId, StateChanged: after with { Own = before.Own } != before, CountDevices: true);
        await QuotaReview.RunAsync((NpgsqlTransaction)transaction.GetDbTransaction(), [tenantId], cause, cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.Ok(TenantQuotas.Of(tenant));
    }

    private static void Apply(MergePatch<QuotasChange> patch, TenantPlan tenant)
    {
        tenant.PlanType = patch.Text("plan_type", tenant.PlanType);
        tenant.BillingCycle = patch.Text("billing_cycle", tenant.BillingCycle);
        tenant.OwnQuotaDevices = patch.Number("quota_devices", tenant.OwnQuotaDevices);
        tenant.OwnQuotaMsgsPerMin = patch.Number("quota_msgs_per_min", tenant.OwnQuotaMsgsPerMin);
        tenant.OwnQuotaStorageMb = patch.Number("quota_storage_mb", tenant.OwnQuotaStorageMb);
        tenant.OwnAllowOverage = patch.Flag("allow_overage", tenant.OwnAllowOverage);
        tenant.OwnRetentionDays = patch.Number("retention_days", tenant.OwnRetentionDays);
    }

    /// <summary>What the audit keeps: what is in force, and which of it is the tenant's own.</summary>
    private sealed record TenantTerms(
        string PlanType, string BillingCycle, int QuotaDevices, int QuotaMsgsPerMin, int QuotaStorageMb, bool AllowOverage, int RetentionDays,
        OwnTerms Own)
    {
        public static TenantTerms Of(TenantPlan tenant) => new(
            tenant.PlanType, tenant.BillingCycle, tenant.QuotaDevices, tenant.QuotaMsgsPerMin, tenant.QuotaStorageMb, tenant.AllowOverage,
            tenant.RetentionDays,
            new(tenant.OwnQuotaDevices, tenant.OwnQuotaMsgsPerMin, tenant.OwnQuotaStorageMb, tenant.OwnAllowOverage, tenant.OwnRetentionDays));
    }

    private sealed record OwnTerms(int? QuotaDevices, int? QuotaMsgsPerMin, int? QuotaStorageMb, bool? AllowOverage, int? RetentionDays);
}

/// <summary>
/// What to change; what is absent stays. A quota with a value is the tenant's own, whatever its plan says; null gives the plan's back.
/// </summary>
/// <param name="PlanType"><c>starter</c>, <c>pro</c> or <c>enterprise</c>; never null. <example>pro</example></param>
/// <param name="BillingCycle"><c>monthly</c> or <c>annual</c>; never null. <example>monthly</example></param>
/// <param name="QuotaDevices">Devices that it may hold; 0 means unlimited. <example>50</example></param>
/// <param name="QuotaMsgsPerMin">Messages a minute, for each device; 0 means unlimited. <example>360</example></param>
/// <param name="QuotaStorageMb">Storage in MB (10⁶ bytes); 0 means unlimited. <example>1000</example></param>
/// <param name="AllowOverage">Whether an enterprise tenant may go on past its storage quota. <example>false</example></param>
/// <param name="RetentionDays">Days for which readings are kept; 0 means without end. <example>365</example></param>
public sealed record QuotasChange(
    string? PlanType = null, string? BillingCycle = null, int? QuotaDevices = null, int? QuotaMsgsPerMin = null, int? QuotaStorageMb = null,
    bool? AllowOverage = null, int? RetentionDays = null);
