using System.ComponentModel.DataAnnotations;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Revocations;
using EasySmart.Identity.Tokens;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Auth;

/// <summary>The token to exchange.</summary>
public sealed record RefreshRequest
{
    /// <summary>As register, login or the refresh before answered it.</summary>
    [Required(ErrorMessage = "Is needed"), StringLength(OneTimeToken.MaxLength, ErrorMessage = "Is too long")]
    public string RefreshToken { get; init; } = "";
}

/// <summary>
/// <c>POST /auth/refresh</c>: new tokens for an old one, which is spent by it. A second use ends the session, because somebody else may
/// hold the token; unless it is the retry of a lost answer, which says so with the same <c>Idempotency-Key</c> within 10 s.
/// </summary>
internal static class Refresh
{
    private static readonly ProblemResult Invalid = Problem.Unauthorized("The refresh token is not valid any more; log in again");

    /// <param name="idempotencyKey">Any text of the client's own; sent again with it within 10 s, a refresh gets the same tokens.</param>
    public static async Task<Results<Ok<IssuedTokens>, ProblemResult>> HandleAsync(
        RefreshRequest request, [FromHeader(Name = "Idempotency-Key"), StringLength(255, ErrorMessage = "Is too long")] string? idempotencyKey,
        Caller caller, SystemContext<IdentityDb> system, Sessions sessions, TimeProvider clock, CancellationToken cancellation)
    {
        var db = system.Value;
        var (hash, now) = (OneTimeToken.HashOf(request.RefreshToken), clock.GetMoment());
        if (await db.RefreshTokens.AsNoTracking().SingleOrDefaultAsync(t => t.Hash == hash, cancellation) is not { } presented)
        {
            return Invalid;
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var owner = await db.Sessions.AsNoTracking().SingleAsync(s => s.Id == presented.SessionId, cancellation);
        var user = await db.HoldUserAsync(owner.UserId, owner.TenantId, cancellation);
        // From here on this session's refreshes come one after the other.
        var session = await db.Sessions.FromSql($"SELECT * FROM sessions WHERE id = {owner.Id} FOR NO KEY UPDATE").SingleAsync(cancellation);
        var token = await db.RefreshTokens.SingleAsync(t => t.Id == presented.Id, cancellation);
        if (!session.IsLive(now) || token.ExpiresAt <= now)
        {
            return Invalid;
        }

        if (user.Refusal is { } why)
        {
            return await RefuseAsync("auth.refresh", "denied", why, Problem.Forbidden("This account is not active"));
        }

        IssuedTokens tokens;
        if (token.UsedAt is null)
        {
            tokens = await sessions.ContinueAsync(db, user, session, caller, token.Spend(request.RefreshToken, idempotencyKey, now), cancellation);
        }
        else if (token.Retry(request.RefreshToken, idempotencyKey, now) is { } successor && await IsUnspentAsync(db, successor, cancellation))
        {
            tokens = await sessions.AgainAsync(db, user, session, successor, cancellation);
        }
        else
        {
            session.EndedAt = now;
            return await RefuseAsync("auth.refresh_reused", "failed", "already_used", Invalid);
        }

        db.Publish(caller.Audit(clock, "auth.refresh", "refresh", metadata: new { session_id = session.Id }).By(user), user.TenantId.EventKey());
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.Ok(tokens);

        async Task<ProblemResult> RefuseAsync(string eventType, string result, string reason, ProblemResult answer)
        {
            var record = caller.Audit(clock, eventType, "refresh", result, new { reason, session_id = session.Id });
            db.Publish(record.About(user) with { Severity = "warning" }, user.TenantId.EventKey());
            await db.SaveChangesAsync(cancellation);
            Guid[] ended = session.EndedAt is null ? [] : [session.Id];
            await db.RevokeAsync(RevocationKind.Session, user.TenantId, ended, clock, cancellation);
            await transaction.CommitAsync(cancellation);
            return answer;
        }
    }

    private static Task<bool> IsUnspentAsync(IdentityDb db, string text, CancellationToken cancellation)
    {
        var hash = OneTimeToken.HashOf(text);
        return db.RefreshTokens.AnyAsync(t => t.Hash == hash && t.UsedAt == null, cancellation);
    }
}
