using System.ComponentModel.DataAnnotations;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Auth;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Users;

/// <summary>Whom to invite.</summary>
public sealed record InviteUserRequest
{
    /// <summary>The address that the new user will log in with.</summary>
    [Required(ErrorMessage = "Is needed"), AccountEmail]
    public string Email { get; init; } = "";

    /// <summary><c>tenant_user</c> unless said otherwise.</summary>
    public Role? Role { get; init; }
}

/// <summary>
/// <c>POST /users/invitations</c>: a link token, good once and for seven days, which the inviter hands on. A new invitation of the same
/// address takes the place of the one before.
/// </summary>
internal static class InviteUser
{
    public static async Task<Results<Created<NewInvitation>, ProblemResult>> HandleAsync(
        InviteUserRequest request, AccountScope scope, Caller caller, SystemContext<IdentityDb> system, TimeProvider clock, CancellationToken cancellation)
    {
        var role = request.Role ?? (scope.TenantId is null ? Role.SuperAdmin : Role.TenantUser);
        if (AccountChanges.RefuseRole(role, scope) is { } refusal)
        {
            return refusal;
        }

        var email = EmailAddress.TryRead(request.Email, out var address) ? address : throw new InvalidOperationException("Validated before");
        // Addresses are unique across tenants, of which this role sees one.
        if (await system.Value.Users.AnyAsync(u => u.Email == email && u.Status != AccountStatus.Deleted, cancellation))
        {
            return Problem.Conflict("This e-mail address has an account already");
        }

        await using var transaction = await scope.BeginAsync(cancellation);
        var (invitation, token) = await AddAsync(scope.Db, scope.TenantId, email, role, caller, clock, cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.Created((string?)null, NewInvitation.Of(invitation, token));
    }

    /// <summary>Adds and saves an invitation with all that goes with it, within the transaction at hand.</summary>
    internal static async Task<(Invitation Invitation, string Token)> AddAsync(
        IdentityDb db, Guid? tenant, string email, Role role, Caller caller, TimeProvider clock, CancellationToken cancellation)
    {
        var now = clock.GetMoment();
        await db.Invitations.Where(i => i.TenantId == tenant && i.Email == email && i.AcceptedAt == null && i.WithdrawnAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(i => i.WithdrawnAt, now), cancellation);
        var made = Invitation.Make(tenant, email, role, caller.Id, now);
        db.Add(made.Invitation);
        db.Publish(
            caller.Audit(clock, "user.invited", "invite", metadata: new { email, role = role.Spell() }).On(tenant, "invitation", made.Invitation.Id),
            tenant.EventKey());
        await db.SaveChangesAsync(cancellation);
        return made;
    }
}
