namespace EasySmart.Identity.Accounts;

/// <summary>A person's account.</summary>
internal sealed class User
{
    public Guid Id { get; init; } = Guid.CreateVersion7();

    /// <summary>Null for a super-admin.</summary>
    public Guid? TenantId { get; init; }

    public Tenant? Tenant { get; set; }

    /// <summary>As <see cref="EmailAddress.TryRead"/> gives it.</summary>
    public required string Email { get; init; }

    public required string PasswordHash { get; set; }

    public required Role Role { get; set; }

    public AccountStatus Status { get; set; } = AccountStatus.Active;

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? LastLoginAt { get; set; }

    /// <summary>Grows with every change that others are told of.</summary>
    public long Version { get; set; } = 1;

    /// <summary>Why the user may not act, as the audit says it; null when it may.</summary>
    public string? Refusal => (Status, Tenant?.Status) switch
    {
        (not AccountStatus.Active, _) => $"account_{Status.Spell()}",
        (_, not null and not AccountStatus.Active) => $"tenant_{Tenant.Status.Spell()}",
        _ => null,
    };
}

/// <summary>A user as contract.md shows it.</summary>
public sealed record UserView(
    Guid UserId, Guid? TenantId, string Email, Role Role, AccountStatus Status, DateTimeOffset CreatedAt, DateTimeOffset? LastLoginAt)
{
    internal static UserView Of(User user) =>
        new(user.Id, user.TenantId, user.Email, user.Role, user.Status, user.CreatedAt, user.LastLoginAt);
}
