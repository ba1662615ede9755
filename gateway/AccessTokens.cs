using EasySmart.ServiceDefaults.Auth;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace EasySmart.Gateway;

/// <summary>Verifies access tokens (ES256, contract.md "Auth"), and remembers for a while which it has verified.</summary>
internal sealed class AccessTokens(IdentityKeys keys, Revocations revocations, TimeProvider clock) : IDisposable
{
    internal const string Issuer = "easysmart";
    internal const string Audience = "easysmart-api";

    // As far as two machines' clocks may be apart.
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(10);
    // Also the longest that a token outlives the key that signed it.
    private static readonly TimeSpan Remember = TimeSpan.FromSeconds(60);
    private static readonly JsonWebTokenHandler Tokens = new() { MapInboundClaims = false };

    // A busy caller's signature is checked once a minute, not once a request. Some tens of megabytes when full; what finds no room
    // is verified each time.
    private readonly MemoryCache _verified = new(new MemoryCacheOptions { SizeLimit = 10_000 });

    /// <summary>Whom <paramref name="token"/> names; null when it is not a valid access token.</summary>
    /// <exception cref="KeysUnknownException">Nobody can tell yet: Identity has not been reached.</exception>
    public async ValueTask<Principal?> VerifyAsync(string token, CancellationToken cancellation)
    {
        var principal = _verified.TryGetValue(token, out Principal? known) && known!.Until > clock.GetUtcNow()
            ? known
            : await VerifyNewAsync(token, cancellation);
        return principal is null || revocations.Refuse(principal) ? null : principal;
    }

    /// <inheritdoc/>
    public void Dispose() => _verified.Dispose();

    private static bool IsNow(DateTime? from, DateTime? to, DateTime now) => to > now - Skew && (from is null || from < now + Skew);

    private async ValueTask<Principal?> VerifyNewAsync(string token, CancellationToken cancellation)
    {
        var set = await keys.GetAsync(cancellation) ?? throw new KeysUnknownException();
        if (!revocations.Known)
        {
            throw new KeysUnknownException();
        }

        var result = await ValidateAsync(token, set);
        if (result.Exception is SecurityTokenSignatureKeyNotFoundException
            && await keys.ReadAgainAsync(set, cancellation) is { } newer && newer != set)
        {
            result = await ValidateAsync(token, newer);
        }

        if (!result.IsValid || result.SecurityToken is not JsonWebToken { Subject.Length: > 0 } jwt
            || !jwt.TryGetPayloadValue("token_type", out string? type) || type != "access")
        {
            return null;
        }

        var now = clock.GetUtcNow();
        var until = new DateTimeOffset(jwt.ValidTo, TimeSpan.Zero) + Skew;
        var principal = new Principal(CallerKind.User, result.ClaimsIdentity, until < now + Remember ? until : now + Remember, Version(jwt), until);
        if (principal.Until > now)
        {
            _verified.Set(token, principal, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = principal.Until - now });
        }

        return principal;
    }

    private static long Version(JsonWebToken jwt) => jwt.TryGetPayloadValue("rv", out long version) ? version : 0;

    private Task<TokenValidationResult> ValidateAsync(string token, KeySet set) => Tokens.ValidateTokenAsync(token, new TokenValidationParameters
    {
        ValidIssuer = Issuer,
        ValidAudience = Audience,
        ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
        IssuerSigningKeys = set.Keys,
        // The key is the one that the token names: trying all would let anybody buy several verifications with one bad token.
        TryAllIssuerSigningKeys = false,
        LifetimeValidator = (from, to, _, _) => IsNow(from, to, clock.GetUtcNow().UtcDateTime),
        AuthenticationType = AccessTokenHandler.Name,
        NameClaimType = JwtRegisteredClaimNames.Sub,
        RoleClaimType = "role",
    });
}

/// <summary>Nothing to tell a good token from a bad one yet: neither without Identity's keys nor without its revocations.</summary>
internal sealed class KeysUnknownException() : Exception("Identity's keys are not known yet");
