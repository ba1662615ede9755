using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.Identity.Tokens;

/// <summary>One login, and everything that was refreshed out of it.</summary>
internal sealed class Session
{
    private const int MaxUserAgentLength = 256;

    public Guid Id { get; init; } = Guid.CreateVersion7();

    public Guid UserId { get; init; }

    public Guid? TenantId { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset LastUsedAt { get; private set; }

    public DateTimeOffset ExpiresAt { get; private set; }

    public string? IpAddress { get; private set; }

    public string? UserAgent { get; private set; }

    /// <summary>When it was logged out or taken back.</summary>
    public DateTimeOffset? EndedAt { get; set; }

    public bool IsLive(DateTimeOffset now) => EndedAt is null && ExpiresAt > now;

    public void Use(Caller caller, DateTimeOffset now)
    {
        (LastUsedAt, ExpiresAt) = (now, now + RefreshToken.Lifetime);
        (IpAddress, UserAgent) = (caller.ClientIp, caller.UserAgent is { Length: > MaxUserAgentLength } long_ ? long_[..MaxUserAgentLength] : caller.UserAgent);
    }
}
