using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;

namespace EasySmart.Identity.Auditing;

/// <summary>
/// Whose records a caller reads. A tenant's caller: its own tenant's. The operator: everybody's, or the one chain that it names. Another
/// without a tenant (a platform-wide key) names one, as on every tenant's route.
/// </summary>
/// <param name="Chain">The one chain; null for all of them.</param>
internal readonly record struct AuditScope(Chain? Chain)
{
    public const string Parameter = "For callers without a tenant: one tenant, or `platform` for what belongs to none; absent: everybody's";

    /// <summary>The scope, or the 400 that says what is wrong with <c>?tenant_id=</c>.</summary>
    public static (AuditScope Scope, ProblemResult? Refusal) Of(Caller caller, string? named)
    {
        var chain = default(Chain);
        if (named is not null && !Auditing.Chain.TryRead(named, out chain))
        {
            return Refused($"Must be a tenant's id or `{Auditing.Chain.PlatformName}`");
        }

        if (caller.TenantId is { } own)
        {
            return named is null || chain.Id == own ? (new AuditScope(new Chain(own)), null) : Refused("Is not the caller's own tenant");
        }

        var operates = caller.May(Permissions.SystemAdmin);
        return (named, operates) switch
        {
            (null, true) => (new AuditScope(null), null),
            (null, false) => Refused("Is needed: this caller has no tenant of its own"),
            _ when chain.TenantId is null && !operates => Refused("Only the operator reads the platform's records"),
            _ => (new AuditScope(chain), null),
        };
    }

    private static (AuditScope, ProblemResult?) Refused(string message) => (default, Problem.BadRequest("tenant_id", message));
}
