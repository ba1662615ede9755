using System.Reflection;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.EntityFrameworkCore.Storage;

namespace EasySmart.Identity.Accounts;

/// <summary>Metadata of routes that are about other accounts than those of the caller's tenant, or of the one that a super-admin names.</summary>
internal sealed class AccountsOf
{
    /// <summary>The platform's own: super-admins.</summary>
    public static readonly AccountsOf Platform = new();

    /// <summary>The caller's own.</summary>
    public static readonly AccountsOf Caller = new();
}

/// <summary>
/// The accounts that a request may see and change, and the database under the role for it: row-level security holds a tenant's requests
/// to its rows, and only the platform's own are made under the role that it does not hold. A handler takes it as a parameter.
/// </summary>
/// <param name="Db">Under the right role; within <see cref="BeginAsync"/> it sees these accounts.</param>
/// <param name="TenantId">Their tenant; null for the platform's.</param>
internal sealed record AccountScope(IdentityDb Db, Guid? TenantId)
{
    /// <summary>Lets minimal APIs hand an <see cref="AccountScope"/> to a handler.</summary>
    /// <exception cref="BadHttpRequestException">400: a super-admin named no tenant, or a user not its own.</exception>
    public static async ValueTask<AccountScope> BindAsync(HttpContext context, ParameterInfo? parameter)
    {
        var of = context.GetEndpoint()?.Metadata.GetMetadata<AccountsOf>();
        var tenant = of == AccountsOf.Platform ? null
            : of == AccountsOf.Caller ? (await Caller.BindAsync(context, parameter!)).TenantId
            : (await TenantScope.BindAsync(context, parameter!)).Id;
        var services = context.RequestServices;
        var db = tenant is null ? services.GetRequiredService<SystemContext<IdentityDb>>().Value : services.GetRequiredService<IdentityDb>();
        return new AccountScope(db, tenant);
    }

    /// <summary>Begins the transaction in which everything of the request happens.</summary>
    public Task<IDbContextTransaction> BeginAsync(CancellationToken cancellation) =>
        TenantId is { } tenant ? Db.Database.BeginTenantAsync(tenant, cancellation) : Db.Database.BeginOrJoinAsync(cancellation);
}
