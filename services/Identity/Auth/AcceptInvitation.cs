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

/// <summary>The invitation, and the password of the account to be made.</summary>
public sealed record AcceptInvitationRequest
{
    /// <summary>The link's token.</summary>
    /// <example>q1ZVt0m6J4y0cQk3m1xS7hE9aR2dW5bN8fLpTgYuI3o</example>
    [Required(ErrorMessage = "Is needed"), StringLength(OneTimeToken.MaxLength, ErrorMessage = "Is too long")]
    public string Token { get; init; } = "";

    /// <summary>8 to 128 characters with upper case, lower case, digit and special character.</summary>
    [Required(ErrorMessage = "Is needed"), AccountPassword]
    public string Password { get; init; } = "";
}

/// <summary><c>POST /auth/invitations/accept</c>: makes the account that somebody was invited to, and logs it in.</summary>
internal static class AcceptInvitation
{
    private static readonly ProblemResult Invalid = Problem.Unauthorized("The invitation is not valid any more; ask for another one");

    public static async Task<Results<Created<SignedIn>, ProblemResult>> HandleAsync(
        AcceptInvitationRequest request, Caller caller, SystemContext<IdentityDb> system, PasswordHasher passwords, Sessions sessions,
        TimeProvider clock, CancellationToken cancellation)
    {
        var db = system.Value;
        var (hash, now) = (OneTimeToken.HashOf(request.Token), clock.GetMoment());
        if (!await db.Invitations.AnyAsync(i => i.Hash == hash && i.AcceptedAt == null && i.WithdrawnAt == null && i.ExpiresAt > now, cancellation))
        {
            return Invalid;
        }

        var password = await passwords.HashAsync(request.Password, cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var invitation = await db.Invitations.FromSql($"SELECT * FROM invitations WHERE hash = {hash} FOR NO KEY UPDATE").SingleAsync(cancellation);
        if (!invitation.IsOpen(now))
        {
            return Invalid;
        }

        var tenant = invitation.TenantId is { } id
            ? await db.Tenants.FromSql($"SELECT * FROM tenants WHERE id = {id} FOR SHARE").SingleAsync(cancellation)
            : null;
        if (tenant is { Status: not AccountStatus.Active })
        {
            return Problem.Forbidden("This account is not active");
        }

        invitation.AcceptedAt = now;
        var user = new User
        {
            TenantId = invitation.TenantId,
            Tenant = tenant,
            Email = invitation.Email,
            PasswordHash = password,
            Role = invitation.Role,
            CreatedAt = now,
        };
        db.Add(user);
        var tokens = await sessions.BeginAsync(db, user, caller, cancellation);
        db.PublishRegistered(user, caller, clock);
        db.Publish(
            caller.Audit(clock, "user.invitation_accepted", "accept", metadata: new { invitation_id = invitation.Id, role = user.Role.Spell() }).By(user),
            user.TenantId.EventKey());
        try
        {
            await db.SaveChangesAsync(cancellation);
        }
        catch (Exception exception) when (exception.ViolatedConstraint() == "users_email_unique")
        {
            return Problem.Conflict("This e-mail address has an account already");
        }

        await transaction.CommitAsync(cancellation);
        return TypedResults.Created((string?)null, SignedIn.As(user, tokens));
    }
}
