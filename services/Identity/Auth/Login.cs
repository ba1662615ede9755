using System.ComponentModel.DataAnnotations;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Passwords;
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
        Attempts attempts, TimeProvider clock, CancellationToken cancellation)
    {
        if (attempts.Refuse(caller, request.Email) is { } refusal)
        {
            return refusal;
        }

        var db = system.Value;
        // What is not an address names no account, and may hold what neither PostgreSQL nor the audit can (or a password in the wrong field).
        var user = EmailAddress.TryRead(request.Email, out var email)
            ? await db.Users.Include(u => u.Tenant).SingleOrDefaultAsync(u => u.Email == email, cancellation)
            : null;
        if (!await passwords.VerifyAsync(user?.PasswordHash, request.Password, cancellation))
        {
            var reason = user is null ? "unknown_email" : "wrong_password";
            return await RefuseAsync("failed", reason, Problem.Unauthorized("E-mail or password is wrong"));
        }

        // Only who knows the password learns about the account.
        if (user!.Refusal is { } why)
        {
            return await RefuseAsync("denied", why, Problem.Forbidden("This account is not active"));
        }

        var now = user.LastLoginAt = clock.GetMoment();
        var tokens = sessions.Begin(db, user);
        db.Publish(caller.Audit(clock, "auth.login", "login").By(user), Key(user));
        try
        {
            await db.SaveChangesAsync(cancellation);
        }
        catch (DbUpdateConcurrencyException)
        {
            return Problem.Unauthorized("E-mail or password is wrong");
        }

        await db.RefreshTokens.Where(t => t.UserId == user.Id && t.ExpiresAt < now).ExecuteDeleteAsync(cancellation);
        return TypedResults.Ok(SignedIn.As(user, tokens));

        async Task<ProblemResult> RefuseAsync(string result, string reason, ProblemResult answer)
        {
            var record = caller.Audit(clock, "auth.login", "login", result, new { reason, email }) with { Severity = "warning" };
            db.Publish(record.About(user), Key(user));
            await db.SaveChangesAsync(cancellation);
            return answer;
        }
    }

    private static string Key(User? user) => user?.TenantId?.ToString() ?? "";
}
