using System.ComponentModel.DataAnnotations;
using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Users;

/// <summary><c>GET /users</c>: who has an account, newest first; deleted ones only when asked for.</summary>
internal static class ListUsers
{
    private const int DefaultLimit = 100;

    /// <param name="role">Only these.</param>
    /// <param name="status">Only these; without it, all but the deleted.</param>
    /// <param name="q">Part of the e-mail address.</param>
    /// <param name="limit">Most that one page holds.</param>
    /// <param name="cursor">From the <c>Link</c> of the page before.</param>
    public static async Task<Results<Ok<List<UserView>>, ProblemResult>> HandleAsync(
        AccountScope scope, HttpResponse response, string? role, string? status, string? q, [Range(1, 1000)] int? limit, Guid? cursor,
        CancellationToken cancellation)
    {
        if (!Spelling.TryRead<Role>(role, out var withRole))
        {
            return Problem.BadRequest("role", "Must be tenant_admin or tenant_user");
        }

        if (!Spelling.TryRead<AccountStatus>(status, out var withStatus))
        {
            return Problem.BadRequest("status", "Must be active, suspended or deleted");
        }

        await using var transaction = await scope.BeginAsync(cancellation);
        var (most, part) = (limit ?? DefaultLimit, q?.Trim().ToLowerInvariant());
        var users = await scope.Db.Users.AsNoTracking()
            .Where(u => u.TenantId == scope.TenantId)
            .Where(u => withRole == null || u.Role == withRole)
            .Where(u => withStatus == null ? u.Status != AccountStatus.Deleted : u.Status == withStatus)
            .Where(u => string.IsNullOrEmpty(part) || u.Email.Contains(part))
            // Ids are in the order of creation.
            .Where(u => cursor == null || u.Id < cursor)
            .OrderByDescending(u => u.Id)
            .Take(most + 1)
            .ToListAsync(cancellation);
        return TypedResults.Ok(Paging.Cut(users, most, response, u => u.Id.ToString()).ConvertAll(UserView.Of));
    }
}
