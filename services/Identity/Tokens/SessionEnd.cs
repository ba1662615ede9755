using EasySmart.Identity.Accounts;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Tokens;

internal static class SessionEnd
{
    /// <summary>Ends the live sessions of a user who is held, all but <paramref name="except"/>. Taking their access tokens back is the caller's last step.</summary>
    /// <returns>Which were ended.</returns>
    public static async Task<IReadOnlyList<Guid>> EndSessionsAsync(
        this IdentityDb db, User user, Guid? except, TimeProvider clock, CancellationToken cancellation)
    {
        var now = clock.GetMoment();
        var live = await db.Sessions.Where(s => s.UserId == user.Id && s.Id != except && s.EndedAt == null && s.ExpiresAt > now).ToListAsync(cancellation);
        live.ForEach(session => session.EndedAt = now);
        return [.. live.Select(s => s.Id)];
    }
}
