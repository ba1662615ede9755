using EasySmart.ServiceDefaults.Errors;

namespace EasySmart.Ingestion.Quotas;

/// <summary>Which quota refuses a message, as its sender is told.</summary>
/// <param name="Details">The quota and its use.</param>
/// <param name="ResetsAt">When counting starts anew; null for storage, which does not by itself.</param>
/// <param name="RetryAfterSeconds">After how long it may be sent again.</param>
internal sealed record OverQuota(LimitDetails Details, DateTimeOffset? ResetsAt, int RetryAfterSeconds);
