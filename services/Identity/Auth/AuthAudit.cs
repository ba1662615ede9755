using EasySmart.Contracts.Auditing;
using EasySmart.Identity.Accounts;

namespace EasySmart.Identity.Auth;

/// <summary>Who is who in the audit records of the auth routes, where the gateway knows nobody yet.</summary>
internal static class AuthAudit
{
    /// <summary>The user proved who it is, and acted.</summary>
    public static AuditRecorded By(this AuditRecorded record, User user) =>
        record.About(user) with { ActorType = "user", ActorId = user.Id.ToString() };

    /// <summary>Somebody acted on the user's account.</summary>
    public static AuditRecorded About(this AuditRecorded record, User? user) => record with
    {
        TenantId = user?.TenantId,
        UserId = user?.Id,
        ResourceType = "user",
        ResourceId = user?.Id.ToString(),
    };
}
