using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Users;

/// <summary><c>GET /users/{user_id}</c>.</summary>
internal static class GetUser
{
    public const string NotFound = "User not found";

    public static async Task<Results<Ok<UserView>, ProblemResult>> HandleAsync([FromRoute(Name = "user_id")] Guid userId, AccountScope scope, CancellationToken cancellation)
    {
        await using var transaction = await scope.BeginAsync(cancellation);
        return await scope.Db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.TenantId == scope.TenantId && u.Id == userId, cancellation) is { } user
            ? TypedResults.Ok(UserView.Of(user))
            : Problem.NotFound(NotFound);
    }
}
