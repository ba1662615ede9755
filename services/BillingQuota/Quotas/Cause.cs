namespace EasySmart.BillingQuota.Quotas;

/// <summary>Why tenants' quotas are looked at.</summary>
/// <param name="At">When it happened.</param>
/// <param name="RequestId">The request behind it.</param>
/// <param name="StateChanged">Whether what is in force for the tenants was changed, so that those who enforce it have to be told in any case.</param>
/// <param name="CountDevices">Whether the number of devices, or their quota, may have changed.</param>
internal readonly record struct Cause(DateTimeOffset At, string? RequestId = null, bool StateChanged = false, bool CountDevices = false);
