using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Tenants;

/// <summary><c>GET /internal/tenants/{tenant_id}</c>: for a sister service that is asked about a tenant before the event has told it.</summary>
internal static class GetTenantState
{
    public static async Task<Results<Ok<TenantState>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "tenant_id")] Guid tenantId, SystemContext<IdentityDb> system, CancellationToken cancellation) =>
        await system.Value.Tenants.Where(t => t.Id == tenantId).Select(TenantState.Of).SingleOrDefaultAsync(cancellation) is { } state
            ? TypedResults.Ok(state)
            : Problem.NotFound("Tenant not found");
}
