namespace EasySmart.BillingQuota.Plans;

/// <summary>What a plan allows, promises and costs. 0 means unlimited for each quota and without end for the retention.</summary>
internal abstract class PlanTerms
{
    /// <summary>The plan of a new tenant.</summary>
    public const string Starter = "starter";

    public const string Pro = "pro";

    public const string Enterprise = "enterprise";

    public required string PlanType { get; init; }

    public required int QuotaDevices { get; set; }

    public required int QuotaMsgsPerMin { get; set; }

    public required int QuotaStorageMb { get; set; }

    public required bool AllowOverage { get; set; }

    public required int RetentionDays { get; set; }

    public required int PriceMonthlyCents { get; set; }

    public required int PriceAnnualCents { get; set; }

    public required int OverageGbCents { get; set; }

    public required int RpoMinutes { get; set; }

    public required int RtoMinutes { get; set; }

    /// <summary>Counts the plan's states.</summary>
    public required int Version { get; set; }

    public required DateTimeOffset UpdatedAt { get; set; }
}

/// <summary>A plan as it is.</summary>
internal sealed class Plan : PlanTerms;

/// <summary>A plan as it was from <see cref="PlanTerms.UpdatedAt"/> on.</summary>
internal sealed class PlanState : PlanTerms
{
    /// <summary>The user who made it so; null for what came with the product.</summary>
    public Guid? ChangedBy { get; init; }
}
