namespace EasySmart.Identity.Accounts;

/// <summary>A customer of the operator; everything but the platform itself belongs to one.</summary>
internal sealed class Tenant
{
    public Guid Id { get; init; } = Guid.CreateVersion7();

    public AccountStatus Status { get; set; } = AccountStatus.Active;

    public required DateTimeOffset CreatedAt { get; init; }
}
