using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;

namespace EasySmart.ServiceDefaults.Auth;

/// <summary>
/// The tenant that a request works in: the caller's own, or the one that a caller without a tenant (super-admin, platform-wide key)
/// names with <c>?tenant_id=</c>. A handler takes it as a parameter; without one the answer is 400.
/// </summary>
/// <param name="Id">The tenant.</param>
public readonly record struct TenantScope(Guid Id) : IEndpointParameterMetadataProvider
{
    /// <summary>Tells the API document of <c>?tenant_id=</c>.</summary>
    static void IEndpointParameterMetadataProvider.PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder) =>
        builder.Metadata.Add(new TenantNamed());

    /// <summary>Lets minimal APIs hand a <see cref="TenantScope"/> to a handler.</summary>
    public static ValueTask<TenantScope> BindAsync(HttpContext context, ParameterInfo parameter) => ValueTask.FromResult(From(context));

    /// <summary>The tenant that a request works in.</summary>
    /// <exception cref="BadHttpRequestException">400: no tenant, or one that is not the caller's own.</exception>
    public static TenantScope From(HttpContext context)
    {
        var own = Caller.From(context).TenantId;
        var named = context.Request.Query["tenant_id"].ToString();
        if (named.Length == 0)
        {
            return new TenantScope(own ?? throw Bad("tenant_id is needed: this caller has no tenant of its own"));
        }

        if (!Guid.TryParse(named, out var id) || (own is { } mine && mine != id))
        {
            throw Bad("tenant_id is not a tenant that this caller works in");
        }

        return new TenantScope(id);
    }

    private static BadHttpRequestException Bad(string message) => new(message, new InvalidTenantException(message));
}

/// <summary>Metadata of a route on which <c>?tenant_id=</c> names the tenant to work in, for a caller without one of its own.</summary>
public sealed record TenantNamed;

/// <summary>Carries the words for a 400 about the tenant to the error envelope.</summary>
internal sealed class InvalidTenantException(string message) : Exception(message);
