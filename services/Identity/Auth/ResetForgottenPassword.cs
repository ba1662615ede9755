using System.ComponentModel.DataAnnotations;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Passwords;
using EasySmart.Identity.Revocations;
using EasySmart.Identity.Tokens;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Auth;

/// <summary>The link, and the password to set.</summary>
public sealed record ResetForgottenPasswordRequest
{
    /// <summary>The link's token.</summary>
    [Required(ErrorMessage = "Is needed"), StringLength(OneTimeToken.MaxLength, ErrorMessage = "Is too long")]
    public string Token { get; init; } = "";

    /// <summary>8 to 128 characters with upper case, lower case, digit and special character.</summary>
    [Required(ErrorMessage = "Is needed"), AccountPassword]
    public string Password { get; init; } = "";
}

/// <summary><c>POST /auth/password/reset</c>: a new password by a link that an admin issued. Ends every session and every other such link.</summary>
internal static class ResetForgottenPassword
{
    private static readonly ProblemResult Invalid = Problem.Unauthorized("The link is not valid any more; ask for another one");

    public static async Task<Results<NoContent, ProblemResult>> HandleAsync(
        ResetForgottenPasswordRequest request, Caller caller, SystemContext<IdentityDb> system, PasswordHasher passwords,
        TimeProvider clock, CancellationToken cancellation)
    {
        var db = system.Value;
        var (hash, now) = (OneTimeToken.HashOf(request.Token), clock.GetMoment());
        var issued = await db.PasswordResets.AsNoTracking().SingleOrDefaultAsync(r => r.Hash == hash, cancellation);
        if (issued is not { UsedAt: null } || issued.ExpiresAt <= now)
        {
            return Invalid;
        }

        var password = await passwords.HashAsync(request.Password, cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var user = await db.HoldUserAsync(issued.UserId, issued.TenantId, cancellation);
        var unused = await db.PasswordResets.Where(r => r.UserId == user.Id && r.UsedAt == null).ToListAsync(cancellation);
        if (unused.All(r => r.Id != issued.Id) || user.Status == AccountStatus.Deleted)
        {
            return Invalid;
        }

        unused.ForEach(reset => reset.UsedAt = now);
        user.PasswordHash = password;
        await db.EndSessionsAsync(user, except: null, clock, cancellation);
        db.Publish(caller.Audit(clock, "auth.password_reset", "reset").By(user) with { Severity = "warning" }, user.TenantId.EventKey());
        await db.SaveChangesAsync(cancellation);
        await db.RevokeAsync(RevocationKind.User, user.TenantId, [user.Id], clock, cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.NoContent();
    }
}
