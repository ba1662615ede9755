using System.Reflection;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.EntityFrameworkCore.Storage;

namespace EasySmart.Identity.ApiKeys;

/// <summary>
/// Whose keys a request is about, and the database under the role for it: row-level security holds what is about a tenant to that tenant;
/// only the platform's own keys are seen under the role that it does not hold. A handler takes it as a parameter.
/// </summary>
/// <param name="TenantId">The tenant; null when a caller without one names none.</param>
internal sealed record KeysOf(Guid? TenantId)
{
    public required IdentityDb Db { get; init; }

    /// <summary>Lets minimal APIs hand a <see cref="KeysOf"/> to a handler.</summary>
    /// <exception cref="BadHttpRequestException">400: a tenant that is not the caller's.</exception>
    public static async ValueTask<KeysOf> BindAsync(HttpContext context, ParameterInfo? parameter)
    {
        var caller = await Caller.BindAsync(context, parameter!);
        var services = context.RequestServices;
        return caller.TenantId is null && !context.Request.Query.ContainsKey("tenant_id")
            ? new KeysOf((Guid?)null) { Db = services.GetRequiredService<SystemContext<IdentityDb>>().Value }
            : new KeysOf((await TenantScope.BindAsync(context, parameter!)).Id) { Db = services.GetRequiredService<IdentityDb>() };
    }

    /// <summary>
    /// The answer when the caller does not say whose keys it means, or means the platform's and is not its operator; null when all is well.
    /// Platform-wide keys are asked for in so many words: a tenant that was forgotten must not become all tenants.
    /// </summary>
    internal ProblemResult? Refuse(bool? platform, Caller caller) => (TenantId is null, platform ?? false) switch
    {
        (true, false) => Problem.BadRequest("tenant_id", "tenant_id is needed, or platform: true for a platform-wide key"),
        (false, true) => caller.TenantId is null
            ? Problem.BadRequest("platform", "A platform-wide key has no tenant; leave tenant_id out")
            : Problem.Forbidden("Only the operator has platform-wide keys"),
        (true, true) when !caller.May(Permissions.SystemAdmin) => Problem.Forbidden("Only the operator has platform-wide keys"),
        _ => null,
    };

    /// <summary>Begins the transaction in which everything of the request happens.</summary>
    internal Task<IDbContextTransaction> BeginAsync(CancellationToken cancellation) =>
        TenantId is { } tenant ? Db.Database.BeginTenantAsync(tenant, cancellation) : Db.Database.BeginOrJoinAsync(cancellation);
}
