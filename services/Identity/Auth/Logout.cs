using System.Linq.Expressions;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Revocations;
using EasySmart.Identity.Tokens;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Auth;

/// <summary>How people end sessions of their own. The access tokens of a session stop passing within seconds of its end.</summary>
internal static class Logout
{
    /// <summary><c>POST /auth/logout</c>: ends the session that asks.</summary>
    public static async Task<NoContent> ThisAsync(AccountScope scope, Caller caller, TimeProvider clock, CancellationToken cancellation)
    {
        await EndAsync(scope, caller, clock, "auth.logout", s => s.Id == caller.SessionId, cancellation);
        return TypedResults.NoContent();
    }

    /// <summary><c>POST /auth/logout-all</c>: ends every session, the one that asks too.</summary>
    public static async Task<NoContent> AllAsync(AccountScope scope, Caller caller, TimeProvider clock, CancellationToken cancellation)
    {
        await EndAsync(scope, caller, clock, "auth.logout_all", s => true, cancellation);
        return TypedResults.NoContent();
    }

    /// <summary><c>DELETE /auth/sessions/{session_id}</c>: one session of the caller.</summary>
    public static async Task<Results<NoContent, ProblemResult>> OneAsync(
        [FromRoute(Name = "session_id")] Guid sessionId, AccountScope scope, Caller caller, TimeProvider clock, CancellationToken cancellation) =>
        await EndAsync(scope, caller, clock, "auth.session_ended", s => s.Id == sessionId, cancellation)
            ? TypedResults.NoContent()
            : Problem.NotFound("Session not found, or ended already");

    private static async Task<bool> EndAsync(
        AccountScope scope, Caller caller, TimeProvider clock, string eventType, Expression<Func<Session, bool>> which, CancellationToken cancellation)
    {
        var (db, now) = (scope.Db, clock.GetMoment());
        await using var transaction = await scope.BeginAsync(cancellation);
        var user = await db.HoldUserAsync(caller.Id!.Value, tenantId: null, cancellation);
        var live = await db.Sessions.Where(s => s.UserId == user.Id && s.EndedAt == null && s.ExpiresAt > now).Where(which).ToListAsync(cancellation);
        if (live.Count == 0)
        {
            return false;
        }

        Guid[] ended = [.. live.Select(s => s.Id)];
        live.ForEach(session => session.EndedAt = now);
        db.Publish(caller.Audit(clock, eventType, "logout", metadata: new { session_ids = ended }).About(user), user.TenantId.EventKey());
        await db.SaveChangesAsync(cancellation);
        await db.RevokeAsync(RevocationKind.Session, user.TenantId, ended, clock, cancellation);
        await transaction.CommitAsync(cancellation);
        return true;
    }
}
