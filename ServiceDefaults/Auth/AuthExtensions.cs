using EasySmart.ServiceDefaults.OpenApi;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace EasySmart.ServiceDefaults.Auth;

/// <summary>How an endpoint group says who may use it. What says nothing needs a known caller.</summary>
public static class AuthExtensions
{
    /// <summary>Needs a known caller who holds <paramref name="permission"/> (401, 403).</summary>
    public static TBuilder RequirePermission<TBuilder>(this TBuilder builder, string permission) where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(new PermissionNeeded(permission)).RequireAuthorization(policy => policy
            .RequireAuthenticatedUser()
            .RequireAssertion(context => context.User.HasClaim(InternalIdentity.PermissionsClaim, permission)
                || context.User.HasClaim(InternalIdentity.PermissionsClaim, Permissions.SystemAdmin)));

    /// <summary>Needs a person with an access token (401; 403 for an API key, behind which nobody stands).</summary>
    public static TBuilder RequireUser<TBuilder>(this TBuilder builder) where TBuilder : IEndpointConventionBuilder =>
        builder.Fails(403, "Only for people: an API key is refused").RequireAuthorization(policy => policy.RequireClaim(InternalIdentity.KindClaim, "user"));

    /// <summary>Open to callers whom the gateway does not know; still only through the gateway (401).</summary>
    public static TBuilder AllowAnonymousCaller<TBuilder>(this TBuilder builder) where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(new AnonymousCallerAllowed()).RequireAuthorization();

    /// <summary>
    /// For what the gateway does not route: needs the text of the configuration key <paramref name="configurationKey"/> in the header
    /// <paramref name="header"/> (401, or 403 for a known caller), compared in constant time.
    /// </summary>
    public static TBuilder RequireKey<TBuilder>(this TBuilder builder, string header, string configurationKey) where TBuilder : IEndpointConventionBuilder =>
        builder.RequireAuthorization(policy => policy.AddRequirements(new KeyRequirement(header, configurationKey)));

    // What signs and what verifies; the gateway needs this half only.
    internal static void AddInternalIdentity(IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<InternalIdentityOptions>().Bind(builder.Configuration.GetSection("InternalIdentity"))
            .ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton(services => new InternalIdentity(
            services.GetRequiredService<IOptions<InternalIdentityOptions>>().Value, services.GetRequiredService<TimeProvider>()));
    }

    internal static void TrustInternalIdentity(IHostApplicationBuilder builder)
    {
        builder.Services.AddAuthentication(InternalIdentityHandler.Name)
            .AddScheme<AuthenticationSchemeOptions, InternalIdentityHandler>(InternalIdentityHandler.Name, null);
        builder.Services.AddAuthorizationBuilder().SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
        builder.Services.AddSingleton<IAuthorizationHandler, KeyRequirementHandler>();
    }
}

/// <summary>Tells the API document what <see cref="AuthExtensions.RequirePermission"/> asks for.</summary>
internal sealed record PermissionNeeded(string Permission);
