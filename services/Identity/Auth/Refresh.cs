using System.ComponentModel.DataAnnotations;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Tokens;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Auth;

/// <summary>The token to exchange.</summary>
public sealed record RefreshRequest
{
    /// <summary>As register, login or the refresh before answered it.</summary>
    [Required(ErrorMessage = "Is needed"), StringLength(512, ErrorMessage = "Is too long")]
    public string RefreshToken { get; init; } = "";
}

/// <summary><c>POST /auth/refresh</c>: new tokens for an old one, which is spent by it. Of two at once, one wins.</summary>
internal static class Refresh
{
    private static readonly ProblemResult Invalid = Problem.Unauthorized("The refresh token is not valid any more; log in again");

    public static async Task<Results<Ok<IssuedTokens>, ProblemResult>> HandleAsync(
        RefreshRequest request, Caller caller, SystemContext<IdentityDb> system, Sessions sessions, TimeProvider clock, CancellationToken cancellation)
    {
        var db = system.Value;
        var (hash, now) = (RefreshToken.HashOf(request.RefreshToken), clock.GetMoment());
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        if (await db.RefreshTokens.AsNoTracking().SingleOrDefaultAsync(t => t.Hash == hash, cancellation) is not { } token || token.ExpiresAt <= now)
        {
            return Invalid;
        }

        // Held until the commit: whoever revokes this user's tokens, and changes the user first, cannot miss the successor.
        var user = await db.Users.FromSql($"SELECT * FROM users WHERE id = {token.UserId} FOR SHARE").Include(u => u.Tenant).SingleAsync(cancellation);
        if (user.Refusal is { } why)
        {
            return await RefuseAsync("auth.refresh", "denied", why, Problem.Forbidden("This account is not active"));
        }

        var spent = await db.RefreshTokens.Where(t => t.Id == token.Id && t.UsedAt == null && t.RevokedAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(t => t.UsedAt, now), cancellation);
        if (spent == 0)
        {
            return token.RevokedAt is null
                ? await RefuseAsync("auth.refresh_reused", "failed", "already_used", Invalid)
                : Invalid;
        }

        var tokens = sessions.Continue(db, user, token.FamilyId);
        db.Publish(caller.Audit(clock, "auth.refresh", "refresh", metadata: new { session_id = token.FamilyId }).By(user), Key(user));
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.Ok(tokens);

        async Task<ProblemResult> RefuseAsync(string eventType, string result, string reason, ProblemResult answer)
        {
            var record = caller.Audit(clock, eventType, "refresh", result, new { reason, session_id = token.FamilyId });
            db.Publish(record.About(user) with { Severity = "warning" }, Key(user));
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
            return answer;
        }
    }

    private static string Key(User user) => user.TenantId?.ToString() ?? "";
}
