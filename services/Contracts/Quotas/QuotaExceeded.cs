namespace EasySmart.Contracts.Quotas;

/// <summary>
/// Use has come to 80 % of a quota (a warning) or to 100 %, published by whoever counts. Told once, and again only after use was 5 percentage
/// points below.
/// </summary>
public sealed record QuotaExceeded : IntegrationEvent
{
    /// <summary>The tenant.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>The device, where the quota is for each device; else null.</summary>
    public Guid? DeviceId { get; init; }

    /// <summary>Which quota: one of <see cref="QuotaLimits"/>.</summary>
    public required string Limit { get; init; }

    /// <summary>80 or 100.</summary>
    public required int Percent { get; init; }

    /// <summary>How much the quota allows.</summary>
    public required long Max { get; init; }

    /// <summary>How much is used, in the unit of <see cref="Max"/>.</summary>
    public required long Used { get; init; }

    /// <summary>Whether the tenant goes on past it, metered, rather than being blocked.</summary>
    public bool Overage { get; init; }
}
