using System.ComponentModel.DataAnnotations;
using EasySmart.Contracts.Identity;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Auth;
using EasySmart.Identity.Revocations;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Tenants;

/// <summary>What to change; what is absent stays.</summary>
public sealed record UpdateTenantRequest
{
    /// <summary>What people call it: 1 to 100 characters.</summary>
    [TenantName]
    public string? Name { get; init; }

    /// <summary><c>active</c> or <c>suspended</c>.</summary>
    [DeniedValues(AccountStatus.Deleted, ErrorMessage = "Must be active or suspended")]
    public AccountStatus? Status { get; init; }
}

/// <summary>
/// <c>PATCH /tenants/{tenant_id}</c>: another name, suspension and its end. All credentials of a suspended tenant stop passing within
/// seconds; its sessions go on when it is active again, with their next refresh.
/// </summary>
internal static class UpdateTenant
{
    public static async Task<Results<Ok<TenantView>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "tenant_id")] Guid tenantId, UpdateTenantRequest request, Caller caller, SystemContext<IdentityDb> system,
        TimeProvider clock, CancellationToken cancellation)
    {
        var db = system.Value;
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        if (await db.Tenants.FromSql($"SELECT * FROM tenants WHERE id = {tenantId} FOR NO KEY UPDATE").SingleOrDefaultAsync(cancellation) is not { } tenant)
        {
            return Problem.NotFound(TenantAudit.NotFound);
        }

        var (before, after) = ((tenant.Name, tenant.Status), (Name: request.Name?.Trim() ?? tenant.Name, Status: request.Status ?? tenant.Status));
        if (before == after)
        {
            return TypedResults.Ok(TenantView.Of(tenant));
        }

        (tenant.Name, tenant.Status) = after;
        tenant.Version++;
        var key = ((Guid?)tenant.Id).EventKey();
        db.Publish(
            new TenantStatusChanged
            {
                OccurredAt = clock.GetUtcNow(),
                RequestId = caller.RequestId,
                TenantId = tenant.Id,
                Name = tenant.Name,
                Status = tenant.Status.Spell(),
                Version = tenant.Version,
            },
            key);
        var (type, verb) = before.Status == after.Status ? ("tenant.renamed", "update")
            : after.Status == AccountStatus.Active ? ("tenant.reactivated", "reactivate")
            : ("tenant.suspended", "suspend");
        db.Publish(
            caller.Audit(clock, type, verb, metadata: new { before = Said(before), after = Said(after) }).On(tenant) with { Severity = "warning" }, key);
        await db.SaveChangesAsync(cancellation);
        Guid[] revoked = before.Status == after.Status ? [] : [tenant.Id];
        await db.RevokeAsync(RevocationKind.Tenant, tenant.Id, revoked, clock, cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.Ok(TenantView.Of(tenant));

        static object Said((string Name, AccountStatus Status) state) => new { name = state.Name, status = state.Status.Spell() };
    }
}
