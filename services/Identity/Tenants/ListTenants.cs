using System.ComponentModel.DataAnnotations;
using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Tenants;

/// <summary><c>GET /tenants</c>: all tenants, newest first.</summary>
internal static class ListTenants
{
    private const int DefaultLimit = 100;

    /// <param name="q">Part of the name or of a user's e-mail address, or a tenant's id.</param>
    /// <param name="status">Only these.</param>
    /// <param name="limit">Most that one page holds.</param>
    /// <param name="cursor">From the <c>Link</c> of the page before.</param>
    public static async Task<Results<Ok<List<TenantView>>, ProblemResult>> HandleAsync(
        SystemContext<IdentityDb> system, HttpResponse response, string? q, string? status, [Range(1, 1000)] int? limit, Guid? cursor,
        CancellationToken cancellation)
    {
        if (!Spelling.TryRead<AccountStatus>(status, out var withStatus))
        {
            return Problem.BadRequest("status", "Must be active, suspended or deleted");
        }

        var db = system.Value;
        var (most, part) = (limit ?? DefaultLimit, q?.Trim().ToLowerInvariant());
        // What means something in a pattern means itself here.
        var pattern = $"%{part?.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("%", @"\%", StringComparison.Ordinal).Replace("_", @"\_", StringComparison.Ordinal)}%";
        Guid? id = Guid.TryParse(part, out var parsed) ? parsed : null;
        var tenants = await db.Tenants.AsNoTracking()
            .Where(t => withStatus == null || t.Status == withStatus)
            .Where(t => string.IsNullOrEmpty(part) || t.Id == id || EF.Functions.ILike(t.Name, pattern, @"\")
                || db.Users.Any(u => u.TenantId == t.Id && u.Email.Contains(part)))
            .Where(t => cursor == null || t.Id < cursor)
            .OrderByDescending(t => t.Id)
            .Take(most + 1)
            .ToListAsync(cancellation);
        return TypedResults.Ok(Paging.Cut(tenants, most, response, t => t.Id.ToString()).ConvertAll(TenantView.Of));
    }
}
