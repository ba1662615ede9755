using System.ComponentModel.DataAnnotations;
using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Users;

/// <summary><c>GET /users/invitations</c>: those that can still be accepted, newest first; without their tokens.</summary>
internal static class ListInvitations
{
    private const int DefaultLimit = 100;

    /// <param name="limit">Most that one page holds.</param>
    /// <param name="cursor">From the <c>Link</c> of the page before.</param>
    public static async Task<Ok<List<InvitationView>>> HandleAsync(
        AccountScope scope, HttpResponse response, TimeProvider clock, [Range(1, 1000)] int? limit, Guid? cursor, CancellationToken cancellation)
    {
        await using var transaction = await scope.BeginAsync(cancellation);
        var (most, now) = (limit ?? DefaultLimit, clock.GetMoment());
        var open = await scope.Db.Invitations.AsNoTracking()
            .Where(i => i.TenantId == scope.TenantId && i.AcceptedAt == null && i.WithdrawnAt == null && i.ExpiresAt > now)
            .Where(i => cursor == null || i.Id < cursor)
            .OrderByDescending(i => i.Id)
            .Take(most + 1)
            .ToListAsync(cancellation);
        return TypedResults.Ok(Paging.Cut(open, most, response, i => i.Id.ToString()).ConvertAll(InvitationView.Of));
    }
}
