using EasySmart.Identity.Accounts;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace EasySmart.Identity.Tokens;

/// <summary>
/// Access tokens with the claims of contract.md §1, and two of our own by which gateways take one back before it expires: <c>sid</c>, the
/// session, and <c>rv</c>, the newest revocation when it was issued.
/// </summary>
internal sealed class AccessTokens(SigningKeys keys, IOptions<IdentityOptions> options, TimeProvider clock)
{
    public const string Issuer = "easysmart";
    public const string Audience = "easysmart-api";

    private static readonly JsonWebTokenHandler Handler = new() { SetDefaultTimesOnTokenCreation = false };

    public int LifetimeSeconds => options.Value.AccessTokenSeconds;

    public string Issue(User user, Guid session, long revocationVersion)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var claims = new Dictionary<string, object>
        {
            [JwtRegisteredClaimNames.Jti] = Guid.CreateVersion7().ToString(),
            [JwtRegisteredClaimNames.Sub] = user.Id.ToString(),
            ["user_id"] = user.Id.ToString(),
            [JwtRegisteredClaimNames.Email] = user.Email,
            ["role"] = user.Role.Spell(),
            ["permissions"] = user.Role.Permitted(),
            ["token_type"] = "access",
            [JwtRegisteredClaimNames.Sid] = session.ToString(),
            ["rv"] = revocationVersion,
        };
        if (user.TenantId is { } tenant)
        {
            claims["tenant_id"] = tenant.ToString();
        }

        return Handler.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = Issuer,
            Audience = Audience,
            IssuedAt = now,
            Expires = now.AddSeconds(LifetimeSeconds),
            Claims = claims,
            SigningCredentials = keys.Signing,
        });
    }
}
