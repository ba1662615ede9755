using EasySmart.Contracts.Identity;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Auth;
using EasySmart.Identity.Revocations;
using EasySmart.Identity.Tokens;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Users;

/// <summary>Changes of a user's role and status, with all that follows from them.</summary>
internal sealed class AccountChanges(TimeProvider clock)
{
    /// <summary>The answer when accounts of this scope cannot have the role, null when they can.</summary>
    public static ProblemResult? RefuseRole(Role role, AccountScope scope) => (role == Role.SuperAdmin, scope.TenantId is null) switch
    {
        (true, false) => Problem.Forbidden("A tenant's users cannot be super-admins"),
        (false, true) => Problem.BadRequest("role", "Must be super_admin: this account belongs to no tenant"),
        _ => null,
    };

    /// <summary>Gives the user another role or status; null leaves what is.</summary>
    public async Task<(User? User, ProblemResult? Problem)> ApplyAsync(
        AccountScope scope, Caller caller, Guid id, Role? role, AccountStatus? status, CancellationToken cancellation)
    {
        var db = scope.Db;
        await using var transaction = await scope.BeginAsync(cancellation);
        // All admins first, in one order: of two who take each other's role away, the second sees what the first did.
        var adminRole = (scope.TenantId is null ? Role.SuperAdmin : Role.TenantAdmin).Spell();
        var admins = await db.Users.FromSql(
            $"""
            SELECT * FROM users WHERE tenant_id IS NOT DISTINCT FROM {scope.TenantId} AND role = {adminRole} AND status = 'active'
            ORDER BY id FOR NO KEY UPDATE
            """).ToListAsync(cancellation);
        var user = admins.SingleOrDefault(a => a.Id == id) ?? await db.Users.FromSql(
            $"SELECT * FROM users WHERE id = {id} AND tenant_id IS NOT DISTINCT FROM {scope.TenantId} FOR NO KEY UPDATE").SingleOrDefaultAsync(cancellation);
        if (user is null || user.Status == AccountStatus.Deleted)
        {
            return (null, Problem.NotFound(GetUser.NotFound));
        }

        var (before, after) = ((user.Role, user.Status), (Role: role ?? user.Role, Status: status ?? user.Status));
        if (before == after)
        {
            return (user, null);
        }

        if (admins.Contains(user) && admins.Count == 1 && (after.Role.Spell() != adminRole || after.Status != AccountStatus.Active))
        {
            return (null, Problem.Conflict("This is the last active admin; make another one first"));
        }

        (user.Role, user.Status) = after;
        user.Version++;
        if (after.Status == AccountStatus.Deleted)
        {
            await db.EndSessionsAsync(user, except: null, clock, cancellation);
        }

        Publish(db, caller, user, before);
        await db.SaveChangesAsync(cancellation);
        await db.RevokeAsync(RevocationKind.User, user.TenantId, [user.Id], clock, cancellation);
        await transaction.CommitAsync(cancellation);
        return (user, null);
    }

    private void Publish(IdentityDb db, Caller caller, User user, (Role Role, AccountStatus Status) before)
    {
        var key = user.TenantId.EventKey();
        db.Publish(
            new UserStatusChanged
            {
                OccurredAt = clock.GetUtcNow(),
                RequestId = caller.RequestId,
                TenantId = user.TenantId,
                UserId = user.Id,
                Role = user.Role.Spell(),
                Status = user.Status.Spell(),
                Version = user.Version,
            },
            key);
        if (user.Role != before.Role)
        {
            Record("user.role_changed", "update", new { before = before.Role.Spell(), after = user.Role.Spell() });
        }

        if (user.Status != before.Status)
        {
            var (type, verb) = user.Status switch
            {
                AccountStatus.Active => ("user.reactivated", "reactivate"),
                AccountStatus.Suspended => ("user.suspended", "suspend"),
                _ => ("user.deleted", "delete"),
            };
            Record(type, verb, new { before = before.Status.Spell(), after = user.Status.Spell() });
        }

        void Record(string type, string action, object metadata) =>
            db.Publish(caller.Audit(clock, type, action, metadata: metadata).About(user) with { Severity = "warning" }, key);
    }
}
