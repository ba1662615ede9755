using EasySmart.Contracts.Identity;
using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Messaging;

namespace EasySmart.Identity.Auth;

internal static class RegistrationEvents
{
    /// <summary>Tells the others of a tenant's new user. Super-admins are nobody's concern but the audit's.</summary>
    public static void PublishRegistered(this IdentityDb db, User user, Caller caller, TimeProvider clock)
    {
        if (user.TenantId is { } tenant)
        {
            db.Publish(
                new UserRegistered
                {
                    TenantId = tenant,
                    UserId = user.Id,
                    Email = user.Email,
                    Role = user.Role.Spell(),
                    OccurredAt = clock.GetUtcNow(),
                    RequestId = caller.RequestId,
                },
                user.TenantId.EventKey());
        }
    }
}
