using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;

namespace EasySmart.ServiceDefaults.Errors;

/// <summary>A limit that is counted in memory: makes the partitions that count for it, and the answer when one of them is used up.</summary>
/// <param name="name">Of the limit; in <c>snake_case</c> in answers.</param>
/// <param name="options">What it allows.</param>
public sealed class Limit(string name, RateLimitOptions options)
{
    /// <summary>The limiter that counts for <paramref name="key"/>, in windows that begin with its first request.</summary>
    public RateLimitPartition<TKey> Partition<TKey>(TKey key) => options.PermitLimit == 0
        ? RateLimitPartition.GetNoLimiter(key)
        : RateLimitPartition.GetFixedWindowLimiter(key, _ => new FixedWindowRateLimiterOptions
        {
            PermitLimit = options.PermitLimit,
            Window = TimeSpan.FromSeconds(options.WindowSeconds),
        });

    /// <summary>Answers 429 and says which limit was met.</summary>
    /// <param name="context">The request that is refused.</param>
    /// <param name="lease">The lease that was not given: it knows how long to wait.</param>
    public Task RefuseAsync(HttpContext context, RateLimitLease lease)
    {
        var wait = lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? after : TimeSpan.FromSeconds(options.WindowSeconds);
        return Problem.RateLimited(
            "Too many requests; try again later",
            new LimitDetails(Json.Naming.ConvertName(name), options.PermitLimit, options.PermitLimit, options.WindowSeconds),
            Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds))).ExecuteAsync(context);
    }
}
