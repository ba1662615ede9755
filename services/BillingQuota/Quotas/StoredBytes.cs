namespace EasySmart.BillingQuota.Quotas;

/// <summary>What a tenant has stored, for who only reads it; <see cref="TenantStorage"/> adds to it.</summary>
internal sealed class StoredBytes
{
    public required Guid TenantId { get; init; }

    public required long Bytes { get; init; }
}
