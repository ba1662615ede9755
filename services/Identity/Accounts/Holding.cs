using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Accounts;

/// <summary>
/// Rows held until the transaction ends, always in the order tenant, user, session. Whoever issues a credential holds them while it looks
/// and issues; whoever takes credentials back changes one of them first. So neither can miss the other.
/// </summary>
internal static class Holding
{
    /// <summary>The user and its tenant as they are now; both stay so until the transaction ends.</summary>
    public static async Task<User> HoldUserAsync(this IdentityDb db, Guid id, Guid? tenantId, CancellationToken cancellation)
    {
        var tenant = tenantId is { } t
            ? await db.Tenants.FromSql($"SELECT * FROM tenants WHERE id = {t} FOR SHARE").SingleAsync(cancellation)
            : null;
        // Not FOR SHARE: two logins at once would each wait for the other to let them write last_login_at.
        var user = await db.Users.FromSql($"SELECT * FROM users WHERE id = {id} FOR NO KEY UPDATE").SingleAsync(cancellation);
        user.Tenant = tenant;
        return user;
    }
}
