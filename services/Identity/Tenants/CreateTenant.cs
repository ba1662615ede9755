using System.ComponentModel.DataAnnotations;
using EasySmart.Contracts.Identity;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Auth;
using EasySmart.Identity.Users;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Tenants;

/// <summary>A tenant to be.</summary>
public sealed record CreateTenantRequest
{
    /// <summary>What people call it: 1 to 100 characters.</summary>
    /// <example>Fábrica Norte</example>
    [Required(ErrorMessage = "Is needed"), TenantName]
    public string Name { get; init; } = "";

    /// <summary>Who will be its first admin.</summary>
    /// <example>ana@example.com</example>
    [Required(ErrorMessage = "Is needed"), AccountEmail]
    public string AdminEmail { get; init; } = "";
}

/// <summary>A new tenant, and the invitation of its first admin with the token that only this answer shows.</summary>
public sealed record NewTenant(Guid TenantId, string Name, AccountStatus Status, DateTimeOffset CreatedAt, NewInvitation Invitation);

/// <summary><c>POST /tenants</c>: a tenant whose first admin is invited. Works while registration is closed.</summary>
internal static class CreateTenant
{
    public static async Task<Results<Created<NewTenant>, ProblemResult>> HandleAsync(
        CreateTenantRequest request, Caller caller, SystemContext<IdentityDb> system, TimeProvider clock, CancellationToken cancellation)
    {
        var db = system.Value;
        var email = EmailAddress.TryRead(request.AdminEmail, out var address) ? address : throw new InvalidOperationException("Validated before");
        if (await db.Users.AnyAsync(u => u.Email == email && u.Status != AccountStatus.Deleted, cancellation))
        {
            return Problem.Conflict("This e-mail address has an account already");
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var tenant = new Tenant { Name = request.Name.Trim(), CreatedAt = clock.GetMoment() };
        var key = ((Guid?)tenant.Id).EventKey();
        db.Add(tenant);
        db.Publish(new TenantCreated { TenantId = tenant.Id, OccurredAt = clock.GetUtcNow(), RequestId = caller.RequestId }, key);
        db.Publish(caller.Audit(clock, "tenant.created", "create", metadata: new { name = tenant.Name }).On(tenant), key);
        await db.SaveChangesAsync(cancellation);
        var (invitation, token) = await InviteUser.AddAsync(db, tenant.Id, email, Role.TenantAdmin, caller, clock, cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.Created(
            $"/tenants/{tenant.Id}",
            new NewTenant(tenant.Id, tenant.Name, tenant.Status, tenant.CreatedAt, NewInvitation.Of(invitation, token)));
    }
}
