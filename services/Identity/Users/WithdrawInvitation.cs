using EasySmart.Identity.Accounts;
using EasySmart.Identity.Auth;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Users;

/// <summary><c>DELETE /users/invitations/{invitation_id}</c>: its link is not good any more.</summary>
internal static class WithdrawInvitation
{
    public static async Task<Results<NoContent, ProblemResult>> HandleAsync(
        [FromRoute(Name = "invitation_id")] Guid invitationId, AccountScope scope, Caller caller, TimeProvider clock, CancellationToken cancellation)
    {
        var (db, now) = (scope.Db, clock.GetMoment());
        await using var transaction = await scope.BeginAsync(cancellation);
        var withdrawn = await db.Invitations
            .Where(i => i.TenantId == scope.TenantId && i.Id == invitationId && i.AcceptedAt == null && i.WithdrawnAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(i => i.WithdrawnAt, now), cancellation);
        if (withdrawn == 0)
        {
            return Problem.NotFound("Invitation not found, or not open any more");
        }

        db.Publish(caller.Audit(clock, "user.invitation_withdrawn", "withdraw").On(scope.TenantId, "invitation", invitationId), scope.TenantId.EventKey());
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.NoContent();
    }
}
