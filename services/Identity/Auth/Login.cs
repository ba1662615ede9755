using System.ComponentModel.DataAnnotations;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Passwords;
using EasySmart.Identity.Throttling;
using EasySmart.Identity.Tokens;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Auth;

/// <summary>What a person proves itself with.</summary>
public sealed record LoginRequest
{
    /// <summary>The address that was registered, in any case.</summary>
    /// <example>ana@example.com</example>
    [Required(ErrorMessage = "Is needed"), StringLength(EmailAddress.MaxLength, ErrorMessage = "Is too long")]
    public string Email { get; init; } = "";

    /// <summary>Its password.</summary>
    /// <example>Correct-Horse-7</example>
    [Required(ErrorMessage = "Is needed"), StringLength(2 * PasswordRule.MaxLength, ErrorMessage = "Is too long")]
    public string Password { get; init; } = "";
}

/// <summary><c>POST /auth/login</c>. Whether the address is unknown or the password wrong, the answer and the work for it are the same.</summary>
internal static class Login
{
    public static async Task<Results<Ok<SignedIn>, ProblemResult>> HandleAsync(
        LoginRequest request, Caller caller, SystemContext<IdentityDb> system, PasswordHasher passwords, Sessions sessions,
        Throttles throttles, TimeProvider clock, CancellationToken cancellation)
    {
        var db = system.Value;
        if (await throttles.RefuseAsync(db, caller, request.Email, cancellation) is { } refusal)
        {
            return refusal;
        }

        // What is not an address names no account, and may hold what neither PostgreSQL nor the audit can (or a password in the wrong field).
        // Of accounts that were deleted and made anew under one address, the living one.
        var found = EmailAddress.TryRead(request.Email, out var email)
            ? await db.Users.AsNoTracking().Where(u => u.Email == email)
                .OrderBy(u => u.Status == AccountStatus.Deleted).ThenByDescending(u => u.Id).FirstOrDefaultAsync(cancellation)
            : null;
        var check = await passwords.CheckAsync(found?.PasswordHash, request.Password, cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var user = found is null ? null : await db.HoldUserAsync(found.Id, found.TenantId, cancellation);
        // Checked without holding the row, since it takes long: the password may have been changed meanwhile.
        if (!check.IsRight || user!.PasswordHash != found!.PasswordHash)
        {
            await throttles.FailedAsync(db, caller, request.Email, cancellation);
            return await RefuseAsync("failed", user is null ? "unknown_email" : "wrong_password", Problem.Unauthorized("E-mail or password is wrong"));
        }

        await Throttles.SucceededAsync(db, caller, request.Email, cancellation);
        // Only who knows the password learns about the account.
        if (user.Refusal is { } why)
        {
            return await RefuseAsync("denied", why, Problem.Forbidden("This account is not active"));
        }

        user.LastLoginAt = clock.GetMoment();
        user.PasswordHash = check.Upgrade ?? user.PasswordHash;
        var tokens = await sessions.BeginAsync(db, user, caller, cancellation);
        db.Publish(caller.Audit(clock, "auth.login", "login").By(user), user.TenantId.EventKey());
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.Ok(SignedIn.As(user, tokens));

        async Task<ProblemResult> RefuseAsync(string result, string reason, ProblemResult answer)
        {
            var record = caller.Audit(clock, "auth.login", "login", result, new { reason, email }) with { Severity = "warning" };
            db.Publish(record.About(user), (user?.TenantId).EventKey());
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
            return answer;
        }
    }
}
