namespace EasySmart.BillingQuota.Plans;

/// <summary>
/// What a plan allows, promises and costs. 0 means unlimited for each quota. What the price includes is what the quotas allow.
/// </summary>
/// <param name="PlanType"><c>starter</c>, <c>pro</c> or <c>enterprise</c>. <example>pro</example></param>
/// <param name="QuotaDevices">Devices that a tenant may hold. <example>0</example></param>
/// <param name="QuotaMsgsPerMin">Messages a minute, for each device. <example>3600</example></param>
/// <param name="QuotaStorageMb">Storage in MB (10⁶ bytes), for each tenant. <example>50000</example></param>
/// <param name="AllowOverage">Whether an enterprise tenant may go on past its storage quota, metered.</param>
/// <param name="RetentionDays">Days for which readings are kept; 0 means without end. <example>365</example></param>
/// <param name="PriceMonthlyCents">Price of a monthly cycle, in centavos. <example>49900</example></param>
/// <param name="PriceAnnualCents">Price of an annual cycle, in centavos. <example>499000</example></param>
/// <param name="OverageGbCents">Price of each GB (10⁹ bytes) stored past the quota, for a month, in centavos. <example>150</example></param>
/// <param name="Currency">Of the prices: always <c>BRL</c>. <example>BRL</example></param>
/// <param name="RpoMinutes">The most recent minutes that a disaster may cost. <example>240</example></param>
/// <param name="RtoMinutes">Minutes within which the service is back after one. <example>120</example></param>
/// <param name="Version">Counts the plan's states. <example>3</example></param>
/// <param name="UpdatedAt">Since when it is so.</param>
public sealed record PlanView(
    string PlanType, int QuotaDevices, int QuotaMsgsPerMin, int QuotaStorageMb, bool AllowOverage, int RetentionDays, int PriceMonthlyCents,
    int PriceAnnualCents, int OverageGbCents, string Currency, int RpoMinutes, int RtoMinutes, int Version, DateTimeOffset UpdatedAt)
{
    internal static PlanView Of(PlanTerms plan) => new(
        plan.PlanType, plan.QuotaDevices, plan.QuotaMsgsPerMin, plan.QuotaStorageMb, plan.AllowOverage, plan.RetentionDays,
        plan.PriceMonthlyCents, plan.PriceAnnualCents, plan.OverageGbCents, "BRL", plan.RpoMinutes, plan.RtoMinutes, plan.Version, plan.UpdatedAt);
}
