using System.ComponentModel.DataAnnotations;
using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Tenants;

/// <summary>
/// <c>GET /internal/tenants?after=</c>: a page of the snapshot, by id. What changes meanwhile is told by event, also to a reader that has
/// passed that tenant already.
/// </summary>
internal static class ListTenantStates
{
    private const int DefaultLimit = 1000;

    public static async Task<Ok<List<TenantState>>> HandleAsync(
        SystemContext<IdentityDb> system, Guid? after, [Range(1, 10_000)] int? limit, CancellationToken cancellation) =>
        TypedResults.Ok(await system.Value.Tenants
            .Where(t => after == null || t.Id > after)
            .OrderBy(t => t.Id)
            .Take(limit ?? DefaultLimit)
            .Select(TenantState.Of)
            .ToListAsync(cancellation));
}
