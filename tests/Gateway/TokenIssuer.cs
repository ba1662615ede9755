using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace EasySmart.Gateway.Tests;

/// <summary>Identity's part in access tokens: an ES256 key that can be changed, its JWKS, and tokens with the contract's claims.</summary>
public sealed class TokenIssuer
{
    private static readonly JsonWebTokenHandler Tokens = new() { SetDefaultTimesOnTokenCreation = false };
    private ECDsaSecurityKey _key = NewKey("key-1");

    /// <summary>The key that signs now.</summary>
    public ECDsaSecurityKey Key => _key;

    public static ECDsaSecurityKey NewKey(string kid) => new(ECDsa.Create(ECCurve.NamedCurves.nistP256)) { KeyId = kid };

    /// <summary>From now on only this key is published and signs.</summary>
    public void Rotate(string kid) => _key = NewKey(kid);

    public string Jwks()
    {
        var jwk = JsonWebKeyConverter.ConvertFromECDsaSecurityKey(_key);
        var key = new { kty = jwk.Kty, crv = jwk.Crv, x = jwk.X, y = jwk.Y, kid = jwk.Kid, use = "sig", alg = "ES256" };
        return JsonSerializer.Serialize(new { keys = new[] { key } });
    }

    /// <summary>A good token, or one with a single thing wrong with it.</summary>
    public string Token(
        Action<SecurityTokenDescriptor>? wrong = null,
        SecurityKey? key = null,
        string algorithm = SecurityAlgorithms.EcdsaSha256,
        DateTimeOffset? now = null)
    {
        var issued = (now ?? DateTimeOffset.UtcNow).UtcDateTime;
        var descriptor = new SecurityTokenDescriptor
        {
            Issuer = "easysmart",
            Audience = "easysmart-api",
            IssuedAt = issued,
            Expires = issued.AddHours(1),
            Claims = new Dictionary<string, object>
            {
                ["jti"] = Guid.NewGuid().ToString(),
                ["sub"] = "0190a000-0000-7000-8000-000000000001",
                ["user_id"] = "0190a000-0000-7000-8000-000000000001",
                ["tenant_id"] = "0190a000-0000-7000-8000-000000000002",
                ["email"] = "ana@example.com",
                ["role"] = "tenant_admin",
                ["permissions"] = new[] { "devices:read", "telemetry:read" },
                ["token_type"] = "access",
                ["sid"] = "0190a000-0000-7000-8000-000000000003",
                ["rv"] = 0,
            },
            SigningCredentials = new SigningCredentials(key ?? _key, algorithm),
        };
        wrong?.Invoke(descriptor);
        return Tokens.CreateToken(descriptor);
    }
}
