using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Auth;

/// <summary>A login that is still good.</summary>
/// <param name="SessionId">The session.</param>
/// <param name="CreatedAt">When it was logged in.</param>
/// <param name="LastUsedAt">When it last got new tokens.</param>
/// <param name="ExpiresAt">When it ends, unless it is used before.</param>
/// <param name="IpAddress">Of its last use. <example>203.0.113.7</example></param>
/// <param name="UserAgent">Of its last use. <example>Mozilla/5.0 (X11; Linux x86_64)</example></param>
/// <param name="Current">Whether it is the one that asks.</param>
public sealed record SessionView(
    Guid SessionId, DateTimeOffset CreatedAt, DateTimeOffset LastUsedAt, DateTimeOffset ExpiresAt, string? IpAddress, string? UserAgent, bool Current);

/// <summary><c>GET /auth/sessions</c>: where the caller is logged in, the last used first.</summary>
internal static class ListSessions
{
    public static async Task<Ok<List<SessionView>>> HandleAsync(AccountScope scope, Caller caller, TimeProvider clock, CancellationToken cancellation)
    {
        var now = clock.GetMoment();
        await using var transaction = await scope.BeginAsync(cancellation);
        return TypedResults.Ok(await scope.Db.Sessions.AsNoTracking()
            .Where(s => s.UserId == caller.Id && s.EndedAt == null && s.ExpiresAt > now)
            .OrderByDescending(s => s.LastUsedAt)
            .Select(s => new SessionView(s.Id, s.CreatedAt, s.LastUsedAt, s.ExpiresAt, s.IpAddress, s.UserAgent, s.Id == caller.SessionId))
            .ToListAsync(cancellation));
    }
}
