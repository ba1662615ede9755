using System.Linq.Expressions;
using EasySmart.Identity.Accounts;

namespace EasySmart.Identity.Tenants;

/// <summary>What <c>TenantCreated</c> and <c>TenantStatusChanged</c> say of a tenant, for who keeps a replica.</summary>
public sealed record TenantState(Guid TenantId, AccountStatus Status, long Version, DateTimeOffset CreatedAt)
{
    internal static Expression<Func<Tenant, TenantState>> Of { get; } = t => new TenantState(t.Id, t.Status, t.Version, t.CreatedAt);
}
