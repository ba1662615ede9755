using EasySmart.Identity.Accounts;
using EasySmart.Identity.Tokens;

namespace EasySmart.Identity.Users;

/// <summary>A link that makes an account: its token goes to the inviter, who hands it on, and is good once.</summary>
internal sealed class Invitation
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(7);

    public Guid Id { get; init; } = Guid.CreateVersion7();

    /// <summary>Null for a super-admin's.</summary>
    public Guid? TenantId { get; init; }

    public required string Email { get; init; }

    public required Role Role { get; init; }

    public required byte[] Hash { get; init; }

    public Guid? InvitedBy { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset ExpiresAt { get; init; }

    public DateTimeOffset? AcceptedAt { get; set; }

    public DateTimeOffset? WithdrawnAt { get; set; }

    public bool IsOpen(DateTimeOffset now) => AcceptedAt is null && WithdrawnAt is null && ExpiresAt > now;

    /// <summary>A new invitation, and the token that only this answer shows.</summary>
    public static (Invitation Invitation, string Token) Make(Guid? tenant, string email, Role role, Guid? invitedBy, DateTimeOffset now)
    {
        var token = OneTimeToken.New();
        var invitation = new Invitation
        {
            TenantId = tenant,
            Email = email,
            Role = role,
            Hash = OneTimeToken.HashOf(token),
            InvitedBy = invitedBy,
            CreatedAt = now,
            ExpiresAt = now + Lifetime,
        };
        return (invitation, token);
    }
}

/// <summary>An invitation as its tenant sees it.</summary>
public record InvitationView(Guid InvitationId, Guid? TenantId, string Email, Role Role, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt)
{
    internal static InvitationView Of(Invitation i) => new(i.Id, i.TenantId, i.Email, i.Role, i.CreatedAt, i.ExpiresAt);
}

/// <summary>A new invitation, with its token: shown here and never again.</summary>
public sealed record NewInvitation(
    Guid InvitationId, Guid? TenantId, string Email, Role Role, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, string Token)
    : InvitationView(InvitationId, TenantId, Email, Role, CreatedAt, ExpiresAt)
{
    internal static NewInvitation Of(Invitation i, string token) => new(i.Id, i.TenantId, i.Email, i.Role, i.CreatedAt, i.ExpiresAt, token);
}
