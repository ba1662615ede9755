using System.ComponentModel.DataAnnotations;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Passwords;
using EasySmart.Identity.Revocations;
using EasySmart.Identity.Throttling;
using EasySmart.Identity.Tokens;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Auth;

/// <summary>The password that is, and the one to be.</summary>
public sealed record ChangePasswordRequest
{
    /// <summary>Proves that it is the owner who asks, and not somebody at an unlocked screen.</summary>
    /// <example>Correct-Horse-7</example>
    [Required(ErrorMessage = "Is needed"), StringLength(2 * PasswordRule.MaxLength, ErrorMessage = "Is too long")]
    public string CurrentPassword { get; init; } = "";

    /// <summary>8 to 128 characters with upper case, lower case, digit and special character.</summary>
    /// <example>Battery-Staple-8</example>
    [Required(ErrorMessage = "Is needed"), AccountPassword]
    public string NewPassword { get; init; } = "";
}

/// <summary><c>POST /auth/password</c>: changes the caller's password and ends its other sessions. Guessed as little as at login: the same limits hold.</summary>
internal static class ChangePassword
{
    public static async Task<Results<NoContent, ProblemResult>> HandleAsync(
        ChangePasswordRequest request, AccountScope scope, Caller caller, SystemContext<IdentityDb> system, PasswordHasher passwords,
        Throttles throttles, TimeProvider clock, CancellationToken cancellation)
    {
        var (db, email) = (scope.Db, caller.Email ?? "");
        if (await throttles.RefuseAsync(system.Value, caller, email, cancellation) is { } refusal)
        {
            return refusal;
        }

        string stored;
        await using (await scope.BeginAsync(cancellation))
        {
            stored = await db.Users.Where(u => u.Id == caller.Id).Select(u => u.PasswordHash).SingleAsync(cancellation);
        }

        var check = await passwords.CheckAsync(stored, request.CurrentPassword, cancellation);
        var changed = check.IsRight ? await passwords.HashAsync(request.NewPassword, cancellation) : null;
        await using var transaction = await scope.BeginAsync(cancellation);
        var user = await db.HoldUserAsync(caller.Id!.Value, tenantId: null, cancellation);
        if (changed is null || user.PasswordHash != stored)
        {
            await throttles.FailedAsync(system.Value, caller, email, cancellation);
            var record = caller.Audit(clock, "auth.password_changed", "update", "failed", new { reason = "wrong_password" });
            db.Publish(record.About(user) with { Severity = "warning" }, user.TenantId.EventKey());
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
            return Problem.BadRequest("current_password", "Is wrong");
        }

        user.PasswordHash = changed;
        var ended = await db.EndSessionsAsync(user, except: caller.SessionId, clock, cancellation);
        db.Publish(caller.Audit(clock, "auth.password_changed", "update").About(user) with { Severity = "warning" }, user.TenantId.EventKey());
        await db.SaveChangesAsync(cancellation);
        await db.RevokeAsync(RevocationKind.Session, user.TenantId, ended, clock, cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.NoContent();
    }
}
