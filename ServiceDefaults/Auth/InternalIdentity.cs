using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace EasySmart.ServiceDefaults.Auth;

/// <summary>Section <c>InternalIdentity</c>: the key that gateway and services share.</summary>
public sealed record InternalIdentityOptions
{
    /// <summary>32 random bytes in base64. Has no default: whoever knows it can be anybody.</summary>
    [Required(ErrorMessage = "InternalIdentity:Key is not configured")]
    [Base64String(ErrorMessage = "InternalIdentity:Key is not base64")]
    [MinLength(43, ErrorMessage = "InternalIdentity:Key is shorter than 32 bytes")]
    public string Key { get; init; } = "";
}

/// <summary>
/// The identity that the gateway attaches to a forwarded request: a short-lived token, signed with HMAC-SHA256 and addressed to one
/// service. Symmetric, because an ES256 signature for each request would cost a third of the gateway's throughput.
/// </summary>
public sealed class InternalIdentity
{
    /// <summary>The header that carries the token.</summary>
    public const string Header = "X-EasySmart-Identity";

    /// <summary>The header that carries the client's address; always overwritten by the gateway.</summary>
    public const string ClientIpHeader = "X-EasySmart-Client-IP";

    /// <summary>How long a token passes.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    internal const string KindClaim = "kind";
    internal const string SubjectClaim = JwtRegisteredClaimNames.Sub;
    internal const string TenantClaim = "tenant_id";
    internal const string EmailClaim = JwtRegisteredClaimNames.Email;
    internal const string RoleClaim = "role";
    internal const string SessionClaim = "sid";
    internal const string PermissionsClaim = "permissions";
    internal const string VersionClaim = "rv";
    internal const string CredentialExpiresClaim = "credential_exp";
    private const string Issuer = "easysmart-gateway";

    private static readonly JsonWebTokenHandler Tokens = new() { SetDefaultTimesOnTokenCreation = false, MapInboundClaims = false };
    private readonly SigningCredentials _signing;
    private readonly SymmetricSecurityKey _key;
    private readonly TimeProvider _clock;

    /// <summary>Signs and verifies with the key of <paramref name="options"/>.</summary>
    public InternalIdentity(InternalIdentityOptions options, TimeProvider clock)
    {
        _key = new SymmetricSecurityKey(Convert.FromBase64String(options.Key));
        _signing = new SigningCredentials(_key, SecurityAlgorithms.HmacSha256);
        _clock = clock;
    }

    /// <summary>Makes the token for one principal and one service.</summary>
    /// <param name="service">The service that it is addressed to.</param>
    /// <param name="kind">What stands behind the request.</param>
    /// <param name="claims">Claims of an access token; those that services read are taken over, the rest is left behind.</param>
    public string Sign(string service, CallerKind kind, IEnumerable<Claim> claims)
    {
        var now = _clock.GetUtcNow().UtcDateTime;
        var identity = new ClaimsIdentity(claims.Where(c => c.Type is SubjectClaim or TenantClaim or EmailClaim or RoleClaim or SessionClaim or VersionClaim));
        if (claims.FirstOrDefault(c => c.Type == JwtRegisteredClaimNames.Exp) is { } credential)
        {
            identity.AddClaim(new Claim(CredentialExpiresClaim, credential.Value, ClaimValueTypes.Integer64));
        }

        identity.AddClaim(new Claim(KindClaim, kind == CallerKind.ApiKey ? "api_key" : kind.ToString().ToLowerInvariant()));
        return Tokens.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = Issuer,
            Audience = service,
            IssuedAt = now,
            Expires = now + Lifetime,
            Subject = identity,
            Claims = new Dictionary<string, object>
            {
                [PermissionsClaim] = claims.Where(c => c.Type == PermissionsClaim).Select(c => c.Value).ToArray(),
            },
            SigningCredentials = _signing,
        });
    }

    /// <summary>The principal that a token names; null when it is forged, expired or addressed to another service.</summary>
    public async Task<ClaimsIdentity?> VerifyAsync(string token, string service)
    {
        var result = await Tokens.ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidIssuer = Issuer,
            ValidAudience = service,
            IssuerSigningKey = _key,
            ValidAlgorithms = [SecurityAlgorithms.HmacSha256],
            LifetimeValidator = (_, expires, _, _) => expires > _clock.GetUtcNow().UtcDateTime,
            AuthenticationType = Header,
            NameClaimType = SubjectClaim,
            RoleClaimType = RoleClaim,
        });
        return result.IsValid ? result.ClaimsIdentity : null;
    }
}
