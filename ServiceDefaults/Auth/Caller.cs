using System.Globalization;
using System.Reflection;
using System.Security.Claims;
using Microsoft.AspNetCore.Http;

namespace EasySmart.ServiceDefaults.Auth;

/// <summary>What stands behind a request.</summary>
public enum CallerKind
{
    /// <summary>Nobody that is known: register, login, a device's first calls.</summary>
    Anonymous,

    /// <summary>A person with an access token.</summary>
    User,

    /// <summary>A program with an API key.</summary>
    ApiKey,
}

/// <summary>Who is calling, as the gateway verified it. A handler takes it as a parameter.</summary>
/// <param name="Kind">What stands behind the request.</param>
/// <param name="Id">The user's or key's id; null for anonymous.</param>
/// <param name="TenantId">Its tenant; null for a super-admin, a platform-wide key and anonymous.</param>
/// <param name="Email">A user's e-mail address.</param>
/// <param name="Role">A user's role, as contract.md spells it.</param>
/// <param name="Permissions">What it may do.</param>
/// <param name="RequestId">The request's id.</param>
/// <param name="ClientIp">The client's address, as the gateway saw it.</param>
/// <param name="UserAgent">What the client calls itself.</param>
/// <param name="SessionId">The login behind a user's access token.</param>
/// <param name="CredentialVersion">Identity's newest revocation when the token or key was issued or verified (<c>rv</c>).</param>
/// <param name="CredentialExpiresAt">When the token or key expires; null when it does not.</param>
public sealed record Caller(
    CallerKind Kind,
    Guid? Id,
    Guid? TenantId,
    string? Email,
    string? Role,
    IReadOnlyCollection<string> Permissions,
    string RequestId,
    string? ClientIp,
    string? UserAgent,
    Guid? SessionId = null,
    long CredentialVersion = 0,
    DateTimeOffset? CredentialExpiresAt = null)
{
    /// <summary>Whether the caller holds the permission; <see cref="Auth.Permissions.SystemAdmin"/> holds all.</summary>
    public bool May(string permission) => Permissions.Contains(permission) || Permissions.Contains(Auth.Permissions.SystemAdmin);

    /// <summary>Lets minimal APIs hand a <see cref="Caller"/> to a handler.</summary>
    public static ValueTask<Caller> BindAsync(HttpContext context, ParameterInfo parameter) => ValueTask.FromResult(From(context));

    /// <summary>Who is calling.</summary>
    public static Caller From(HttpContext context)
    {
        var user = context.User;
        return new Caller(
            Enum.TryParse<CallerKind>(user.FindFirstValue(InternalIdentity.KindClaim)?.Replace("_", "", StringComparison.Ordinal), true, out var kind)
                ? kind
                : CallerKind.Anonymous,
            IdOf(user, InternalIdentity.SubjectClaim),
            IdOf(user, InternalIdentity.TenantClaim),
            user.FindFirstValue(InternalIdentity.EmailClaim),
            user.FindFirstValue(InternalIdentity.RoleClaim),
            [.. user.FindAll(InternalIdentity.PermissionsClaim).Select(c => c.Value)],
            context.TraceIdentifier,
            context.Request.Headers[InternalIdentity.ClientIpHeader].FirstOrDefault(),
            context.Request.Headers.UserAgent.FirstOrDefault(),
            IdOf(user, InternalIdentity.SessionClaim),
            NumberOf(user, InternalIdentity.VersionClaim) ?? 0,
            NumberOf(user, InternalIdentity.CredentialExpiresClaim) is { } seconds ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null);
    }

    private static Guid? IdOf(ClaimsPrincipal user, string claim) => Guid.TryParse(user.FindFirstValue(claim), out var id) ? id : null;

    private static long? NumberOf(ClaimsPrincipal user, string claim) =>
        long.TryParse(user.FindFirstValue(claim), CultureInfo.InvariantCulture, out var number) ? number : null;
}
