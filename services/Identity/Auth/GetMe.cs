using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Auth;

/// <summary>Who asks: a user as contract.md shows it, its tenant's name and what it may do.</summary>
public sealed record Me(
    Guid UserId, Guid? TenantId, string Email, Role Role, AccountStatus Status, DateTimeOffset CreatedAt, DateTimeOffset? LastLoginAt,
    string? TenantName, IReadOnlyList<string> Permissions);

/// <summary><c>GET /auth/me</c>.</summary>
internal static class GetMe
{
    public static async Task<Ok<Me>> HandleAsync(AccountScope scope, Caller caller, CancellationToken cancellation)
    {
        await using var transaction = await scope.BeginAsync(cancellation);
        var u = await scope.Db.Users.AsNoTracking().Include(u => u.Tenant).SingleAsync(u => u.Id == caller.Id, cancellation);
        return TypedResults.Ok(new Me(
            u.Id, u.TenantId, u.Email, u.Role, u.Status, u.CreatedAt, u.LastLoginAt, u.Tenant?.Name, u.Role.Permitted()));
    }
}
