using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Tenants;

internal static class GetTenant
{
    /// <summary><c>GET /tenants/{tenant_id}</c>: any tenant, for the operator.</summary>
    public static Task<Results<Ok<TenantView>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "tenant_id")] Guid tenantId, IdentityDb db, CancellationToken cancellation) => AnswerAsync(db, tenantId, cancellation);

    /// <summary><c>GET /tenants/me</c>: the caller's own.</summary>
    public static Task<Results<Ok<TenantView>, ProblemResult>> OwnAsync(TenantScope tenant, IdentityDb db, CancellationToken cancellation) =>
        AnswerAsync(db, tenant.Id, cancellation);

    private static async Task<Results<Ok<TenantView>, ProblemResult>> AnswerAsync(IdentityDb db, Guid id, CancellationToken cancellation)
    {
        // The operator sees every tenant, but only one at a time.
        await using var transaction = await db.Database.BeginTenantAsync(id, cancellation);
        return await db.Tenants.AsNoTracking().SingleOrDefaultAsync(t => t.Id == id, cancellation) is { } tenant
            ? TypedResults.Ok(TenantView.Of(tenant))
            : Problem.NotFound(TenantAudit.NotFound);
    }
}
