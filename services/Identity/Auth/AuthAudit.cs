using EasySmart.Contracts.Auditing;
using EasySmart.Identity.Accounts;

namespace EasySmart.Identity.Auth;

/// <summary>Who is who in the audit records about accounts.</summary>
internal static class AuthAudit
{
    /// <summary>The user proved who it is, where the gateway knew nobody yet, and acted.</summary>
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

    /// <summary>Somebody acted on a tenant, or on something that is neither a user nor a device of it.</summary>
    public static AuditRecorded On(this AuditRecorded record, Guid? tenant, string resourceType, Guid resource) => record with
    {
        TenantId = tenant,
        ResourceType = resourceType,
        ResourceId = resource.ToString(),
    };

    /// <summary>What keeps a tenant's events in order.</summary>
    public static string EventKey(this Guid? tenant) => tenant?.ToString() ?? "";
}
