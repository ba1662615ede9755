using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Claims;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.Gateway;

/// <summary>
/// Whom the gateway has verified, together with the internal identities that it has signed for it: one token for each service that it
/// talked to, used again for half of its life.
/// </summary>
internal sealed class Principal(CallerKind kind, ClaimsIdentity identity, DateTimeOffset until, long version = 0, DateTimeOffset? expiresAt = null)
    : ClaimsPrincipal(identity)
{
    // Tenant, user or key, and session: whatever Identity can take back.
    private static readonly string[] Revocable = ["sub", "tenant_id", "sid"];

    private static readonly TimeSpan Reuse = InternalIdentity.Lifetime / 2;
    // Few services, and thousands of principals: the dictionary's defaults would take a kilobyte for each.
    private readonly ConcurrentDictionary<string, Signed> _signed = new(concurrencyLevel: 1, capacity: 3);

    /// <summary>What stands behind the credential.</summary>
    public CallerKind Kind => kind;

    /// <summary>The user's or key's id; empty for nobody.</summary>
    public string Id { get; } = identity.FindFirst("sub")?.Value ?? "";

    /// <summary>Until when the credential may be believed without being verified again.</summary>
    public DateTimeOffset Until => until;

    /// <summary>When the credential stops passing, however it is verified; null when it does not by itself.</summary>
    public DateTimeOffset? ExpiresAt => expiresAt;

    /// <summary>Identity's newest revocation when the credential was issued (<c>rv</c>).</summary>
    public long Version => version;

    /// <summary>By which ids the credential can be taken back.</summary>
    public Guid[] Subjects { get; } =
        [.. identity.Claims.Where(c => Revocable.Contains(c.Type)).Select(c => Guid.TryParse(c.Value, out var id) ? id : Guid.Empty)];

    /// <summary>Nobody that is known.</summary>
    public static Principal Anonymous() => new(CallerKind.Anonymous, new ClaimsIdentity(), DateTimeOffset.MaxValue);

    /// <summary>Whom Identity named by its ids, with claims as an access token has them.</summary>
    public static Principal Named(
        CallerKind kind, Guid id, Guid? tenant, Guid? session, IEnumerable<string> permissions, DateTimeOffset until, long version, DateTimeOffset? expiresAt)
    {
        var identity = new ClaimsIdentity(AccessTokenHandler.Name, "sub", "role");
        identity.AddClaims(permissions.Select(permission => new Claim("permissions", permission)));
        foreach (var (type, value) in new (string, object?)[]
        {
            ("sub", id), ("tenant_id", tenant), ("sid", session), ("rv", version), ("exp", expiresAt?.ToUnixTimeSeconds()),
        })
        {
            if (value is not null)
            {
                identity.AddClaim(new Claim(type, string.Create(CultureInfo.InvariantCulture, $"{value}")));
            }
        }

        return new Principal(kind, identity, until, version, expiresAt);
    }

    /// <summary>The internal identity for <paramref name="service"/>.</summary>
    public string For(string service, InternalIdentity internalIdentity, DateTimeOffset now)
    {
        if (!_signed.TryGetValue(service, out var signed) || signed.Until <= now)
        {
            // Two requests at once may both sign; both tokens are good.
            signed = new Signed(internalIdentity.Sign(service, kind, Claims), now + Reuse);
            _signed[service] = signed;
        }

        return signed.Token;
    }

    private sealed record Signed(string Token, DateTimeOffset Until);
}
