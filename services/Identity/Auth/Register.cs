using System.ComponentModel.DataAnnotations;
using EasySmart.Contracts.Identity;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Passwords;
using EasySmart.Identity.Tokens;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace EasySmart.Identity.Auth;

/// <summary>What a person tells to get an account.</summary>
public sealed record RegisterRequest
{
    /// <summary>The address to log in with.</summary>
    [Required(ErrorMessage = "Is needed"), AccountEmail]
    public string Email { get; init; } = "";

    /// <summary>8 to 128 characters with upper case, lower case, digit and special character.</summary>
    [Required(ErrorMessage = "Is needed"), AccountPassword]
    public string Password { get; init; } = "";
}

/// <summary><c>POST /auth/register</c>: a new tenant, and its first admin.</summary>
internal static class Register
{
    public static async Task<Results<Created<SignedIn>, ProblemResult>> HandleAsync(
        RegisterRequest request, Caller caller, SystemContext<IdentityDb> system, PasswordHasher passwords, Sessions sessions,
        Attempts attempts, IOptions<IdentityOptions> options, TimeProvider clock, CancellationToken cancellation)
    {
        if (options.Value.Registration == Registration.Closed)
        {
            return Problem.Forbidden("Registration is closed; ask the operator for an account");
        }

        if (attempts.Refuse(caller, request.Email) is { } refusal)
        {
            return refusal;
        }

        var db = system.Value;
        var tenant = new Tenant { CreatedAt = clock.GetMoment() };
        var user = new User
        {
            TenantId = tenant.Id,
            Tenant = tenant,
            Email = EmailAddress.TryRead(request.Email, out var email) ? email : throw new InvalidOperationException("Validated before"),
            PasswordHash = await passwords.HashAsync(request.Password, cancellation),
            Role = Role.TenantAdmin,
            CreatedAt = tenant.CreatedAt,
        };
        db.Add(user);
        var tokens = sessions.Begin(db, user);
        PublishTo(db, user, caller, clock);
        try
        {
            await db.SaveChangesAsync(cancellation);
        }
        catch (Exception exception) when (exception.ViolatedConstraint() == "users_email_unique")
        {
            // Nothing of the attempt was committed; that there was one is, since it tells the caller who has an account.
            db.ChangeTracker.Clear();
            db.Publish(caller.Audit(clock, "auth.register", "create", "failed", new { reason = "email_taken", email }) with { Severity = "warning" });
            await db.SaveChangesAsync(cancellation);
            return Problem.Conflict("This e-mail address has an account already");
        }

        return TypedResults.Created((string?)null, SignedIn.As(user, tokens));
    }

    private static void PublishTo(IdentityDb db, User user, Caller caller, TimeProvider clock)
    {
        // One key, so that nobody hears of a user whose tenant it does not know yet.
        var (tenant, now) = (user.TenantId!.Value, clock.GetUtcNow());
        var key = tenant.ToString();
        db.Publish(new TenantCreated { TenantId = tenant, OccurredAt = now, RequestId = caller.RequestId }, key);
        db.Publish(
            new UserRegistered
            {
                TenantId = tenant,
                UserId = user.Id,
                Email = user.Email,
                Role = user.Role.Spell(),
                OccurredAt = now,
                RequestId = caller.RequestId,
            },
            key);
        db.Publish(caller.Audit(clock, "auth.register", "create").By(user), key);
    }
}
