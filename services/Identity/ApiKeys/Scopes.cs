using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;

namespace EasySmart.Identity.ApiKeys;

/// <summary>What a key may be allowed: permissions, never more than its maker holds, and in a tenant never the operator's.</summary>
internal static class Scopes
{
    private static readonly string[] All = Role.SuperAdmin.Permitted();
    private static readonly string[] OfTenants = Role.TenantAdmin.Permitted();

    /// <summary>The answer when a key cannot have these scopes, null when it can.</summary>
    public static ProblemResult? Refuse(IReadOnlyCollection<string> scopes, Guid? tenant, Caller maker)
    {
        if (scopes.Distinct().Count() != scopes.Count)
        {
            return Problem.BadRequest("scopes", "Must not hold a scope twice");
        }

        // What was sent is not repeated: it may be anything.
        if (scopes.Except(All).Any())
        {
            return Problem.BadRequest("scopes", $"Must be of {string.Join(", ", All)}");
        }

        if (tenant is not null && scopes.Except(OfTenants).FirstOrDefault() is { } operators)
        {
            return Problem.BadRequest("scopes", $"{operators} is the operator's and cannot be a scope of a tenant's key");
        }

        return scopes.FirstOrDefault(scope => !maker.May(scope)) is { } missing
            ? Problem.Forbidden($"You do not hold {missing} yourself")
            : null;
    }
}
