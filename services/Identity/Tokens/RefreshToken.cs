using System.Security.Cryptography;
using System.Text;
using EasySmart.Identity.Accounts;
using Microsoft.IdentityModel.Tokens;

namespace EasySmart.Identity.Tokens;

/// <summary>A refresh token that was handed out: 256 random bits, of which only the SHA-256 is kept.</summary>
internal sealed class RefreshToken
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(30);

    public Guid Id { get; init; } = Guid.CreateVersion7();

    /// <summary>The session: one login and everything that was rotated out of it.</summary>
    public Guid FamilyId { get; init; }

    public Guid UserId { get; init; }

    public Guid? TenantId { get; init; }

    public required byte[] Hash { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When it was exchanged for its successor.</summary>
    public DateTimeOffset? UsedAt { get; init; }

    /// <summary>When it was taken back.</summary>
    public DateTimeOffset? RevokedAt { get; init; }

    public static (RefreshToken Token, string Text) Make(User user, Guid family, DateTimeOffset now)
    {
        var text = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));
        var token = new RefreshToken
        {
            FamilyId = family,
            UserId = user.Id,
            TenantId = user.TenantId,
            Hash = HashOf(text),
            CreatedAt = now,
            ExpiresAt = now + Lifetime,
        };
        return (token, text);
    }

    // A plain hash is enough: there is nothing to guess in 256 random bits.
    public static byte[] HashOf(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
