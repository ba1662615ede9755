using System.ComponentModel.DataAnnotations;
using EasySmart.Contracts.Identity;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Passwords;
using EasySmart.Identity.Throttling;
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

    /// <summary>What the new tenant is called; its first admin's e-mail address when absent.</summary>
    /// <example>Fábrica Norte</example>
    [TenantName]
    public string? TenantName { get; init; }
}

/// <summary><c>POST /auth/register</c>: a new tenant, and its first admin.</summary>
internal static class Register
{
    public static async Task<Results<Created<SignedIn>, ProblemResult>> HandleAsync(
        RegisterRequest request, Caller caller, SystemContext<IdentityDb> system, PasswordHasher passwords, Sessions sessions,
        Throttles throttles, IOptions<IdentityOptions> options, TimeProvider clock, CancellationToken cancellation)
    {
        if (options.Value.Registration == Registration.Closed)
        {
            return Problem.Forbidden("Registration is closed; ask the operator for an account");
        }

        var db = system.Value;
        if (await throttles.RefuseAsync(db, caller, request.Email, cancellation) is { } refusal)
        {
            return refusal;
        }

        var email = EmailAddress.TryRead(request.Email, out var address) ? address : throw new InvalidOperationException("Validated before");
        var tenant = new Tenant { Name = request.TenantName?.Trim() ?? TenantNameAttribute.From(email), CreatedAt = clock.GetMoment() };
        var user = new User
        {
            TenantId = tenant.Id,
            Tenant = tenant,
            Email = email,
            PasswordHash = await passwords.HashAsync(request.Password, cancellation),
            Role = Role.TenantAdmin,
            CreatedAt = tenant.CreatedAt,
        };
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        if (await throttles.RefuseRegistrationAsync(db, caller, cancellation) is { } tooMany)
        {
            await transaction.CommitAsync(cancellation);
            return tooMany;
        }

        db.Add(user);
        var tokens = await sessions.BeginAsync(db, user, caller, cancellation);
        PublishTo(db, user, caller, clock);
        try
        {
            await db.SaveChangesAsync(cancellation);
        }
        catch (Exception exception) when (exception.ViolatedConstraint() == "users_email_unique")
        {
            // Nothing of the attempt is committed; that there was one is, since it tells the caller who has an account.
            await transaction.RollbackAsync(cancellation);
            db.ChangeTracker.Clear();
            db.Publish(caller.Audit(clock, "auth.register", "create", "failed", new { reason = "email_taken", email }) with { Severity = "warning" });
            await db.SaveChangesAsync(cancellation);
            return Problem.Conflict("This e-mail address has an account already");
        }

        await transaction.CommitAsync(cancellation);
        return TypedResults.Created((string?)null, SignedIn.As(user, tokens));
    }

    private static void PublishTo(IdentityDb db, User user, Caller caller, TimeProvider clock)
    {
        // One key, so that nobody hears of a user whose tenant it does not know yet.
        var key = user.TenantId.EventKey();
        db.Publish(new TenantCreated { TenantId = user.TenantId!.Value, OccurredAt = clock.GetUtcNow(), RequestId = caller.RequestId }, key);
        db.PublishRegistered(user, caller, clock);
        db.Publish(caller.Audit(clock, "auth.register", "create").By(user), key);
    }
}
