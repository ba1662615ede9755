using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.Tokens;

namespace EasySmart.Identity.Tokens;

/// <summary>A refresh token that was handed out. All tokens of a session are one family: each is the successor of the one before.</summary>
internal sealed class RefreshToken
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(30);

    /// <summary>How long a retry after a lost answer is given the same successor.</summary>
    private static readonly TimeSpan RetryWindow = TimeSpan.FromSeconds(10);

    public Guid Id { get; init; } = Guid.CreateVersion7();

    public Guid SessionId { get; init; }

    public Guid? TenantId { get; init; }

    public required byte[] Hash { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When it was exchanged for its successor.</summary>
    public DateTimeOffset? UsedAt { get; private set; }

    /// <summary>SHA-256 of the <c>Idempotency-Key</c> of that exchange.</summary>
    public byte[]? RetryKey { get; private set; }

    /// <summary>The random part of the successor, when there was an <c>Idempotency-Key</c>.</summary>
    public byte[]? RetrySalt { get; private set; }

    public static RefreshToken For(Session session, string text, DateTimeOffset now) => new()
    {
        SessionId = session.Id,
        TenantId = session.TenantId,
        Hash = OneTimeToken.HashOf(text),
        CreatedAt = now,
        ExpiresAt = now + Lifetime,
    };

    /// <summary>Spends the token, whose text is <paramref name="text"/>.</summary>
    /// <returns>The text of its successor.</returns>
    public string Spend(string text, string? idempotencyKey, DateTimeOffset now)
    {
        UsedAt = now;
        if (idempotencyKey is null)
        {
            return OneTimeToken.New();
        }

        RetryKey = OneTimeToken.HashOf(idempotencyKey);
        RetrySalt = RandomNumberGenerator.GetBytes(32);
        return Successor(text, RetrySalt);
    }

    /// <summary>The text of the successor that it was spent for, when this is the retry of that exchange; null when it is another use.</summary>
    public string? Retry(string text, string? idempotencyKey, DateTimeOffset now) =>
        idempotencyKey is not null && RetryKey is not null && RetrySalt is not null && now - UsedAt <= RetryWindow
        && CryptographicOperations.FixedTimeEquals(OneTimeToken.HashOf(idempotencyKey), RetryKey)
            ? Successor(text, RetrySalt)
            : null;

    // From the old token, which is not kept here, and the salt, which nobody else has: neither the database nor a stolen token alone tells it.
    private static string Successor(string text, byte[] salt) => Base64UrlEncoder.Encode(HMACSHA256.HashData(Encoding.UTF8.GetBytes(text), salt));
}
