using EasySmart.Contracts.Auditing;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Auth;

namespace EasySmart.Identity.Tenants;

/// <summary>A tenant as the operator, and its own admins, see it.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="Name">What people call it.</param>
/// <param name="Status"><c>active</c>, <c>suspended</c> or <c>deleted</c>.</param>
/// <param name="CreatedAt">When it was made.</param>
public sealed record TenantView(Guid TenantId, string Name, AccountStatus Status, DateTimeOffset CreatedAt)
{
    internal static TenantView Of(Tenant tenant) => new(tenant.Id, tenant.Name, tenant.Status, tenant.CreatedAt);
}

internal static class TenantAudit
{
    public const string NotFound = "Tenant not found";

    /// <summary>Somebody acted on the tenant.</summary>
    public static AuditRecorded On(this AuditRecorded record, Tenant tenant) => record.On(tenant.Id, "tenant", tenant.Id);
}
