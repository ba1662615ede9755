using EasySmart.Identity.Accounts;
using EasySmart.Identity.Auth;
using EasySmart.Identity.Tokens;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Users;

/// <summary>The token of a link that sets a new password: shown here and never again.</summary>
public sealed record NewPasswordReset(Guid UserId, string Token, DateTimeOffset ExpiresAt);

/// <summary><c>POST /users/{user_id}/password-reset</c>: for who forgot the password, a link token that is good once and for an hour.</summary>
internal static class IssuePasswordReset
{
    public static async Task<Results<Created<NewPasswordReset>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "user_id")] Guid userId, AccountScope scope, Caller caller, TimeProvider clock, CancellationToken cancellation)
    {
        var (db, now) = (scope.Db, clock.GetMoment());
        await using var transaction = await scope.BeginAsync(cancellation);
        if (await db.Users.AsNoTracking().SingleOrDefaultAsync(
            u => u.TenantId == scope.TenantId && u.Id == userId && u.Status != AccountStatus.Deleted, cancellation) is not { } user)
        {
            return Problem.NotFound(GetUser.NotFound);
        }

        var token = OneTimeToken.New();
        var reset = new PasswordReset
        {
            UserId = user.Id,
            TenantId = user.TenantId,
            Hash = OneTimeToken.HashOf(token),
            CreatedAt = now,
            ExpiresAt = now + PasswordReset.Lifetime,
        };
        db.Add(reset);
        db.Publish(caller.Audit(clock, "auth.password_reset_issued", "issue").About(user) with { Severity = "warning" }, user.TenantId.EventKey());
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.Created((string?)null, new NewPasswordReset(user.Id, token, reset.ExpiresAt));
    }
}
