namespace EasySmart.Identity.Accounts;

/// <summary>A customer of the operator; everything but the platform itself belongs to one.</summary>
internal sealed class Tenant
{
    public const int MaxNameLength = 100;

    public Guid Id { get; init; } = Guid.CreateVersion7();

    public required string Name { get; set; }

    public AccountStatus Status { get; set; } = AccountStatus.Active;

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Grows with every change that others are told of.</summary>
    public long Version { get; set; } = 1;
}
