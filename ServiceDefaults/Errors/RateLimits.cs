using System.ComponentModel.DataAnnotations;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace EasySmart.ServiceDefaults.Errors;

/// <summary>One limit: section <c>RateLimits:{name}</c>. Configuration, because a proxy, a test or a big customer wants another.</summary>
public sealed record RateLimitOptions
{
    /// <summary>Requests that one partition (an address, a user) may make in one window; 0, where a limit may be off, is no limit.</summary>
    [Range(0, int.MaxValue)]
    public int PermitLimit { get; init; }

    /// <summary>Length of the window in seconds.</summary>
    [Range(1, 86_400)]
    public int WindowSeconds { get; init; } = 60;
}

/// <summary>ASP.NET Core's rate limiter with contract.md's answer: 429 <c>rate_limited</c>, <c>Retry-After</c> and <c>details</c>.</summary>
public static class RateLimits
{
    /// <summary>The limit that section <c>RateLimits:{name}</c> sets, over <paramref name="defaults"/>.</summary>
    /// <param name="configuration">The application's.</param>
    /// <param name="name">Of the section.</param>
    /// <param name="defaults">What holds where the section says nothing.</param>
    /// <param name="mayBeOff">Whether a <c>PermitLimit</c> of 0, no limit, is a setting and not a mistake.</param>
    /// <exception cref="InvalidOperationException">The section is not valid; the message names it.</exception>
    public static RateLimitOptions Read(IConfiguration configuration, string name, RateLimitOptions defaults, bool mayBeOff = false)
    {
        var section = configuration.GetSection($"RateLimits:{name}");
        var limit = new RateLimitOptions
        {
            PermitLimit = section.GetValue(nameof(RateLimitOptions.PermitLimit), defaults.PermitLimit),
            WindowSeconds = section.GetValue(nameof(RateLimitOptions.WindowSeconds), defaults.WindowSeconds),
        };
        var wrong = new List<ValidationResult>();
        Validator.TryValidateObject(limit, new ValidationContext(limit), wrong, validateAllProperties: true);
        if (limit.PermitLimit == 0 && !mayBeOff)
        {
            wrong.Add(new ValidationResult("At least 1 is needed", [nameof(RateLimitOptions.PermitLimit)]));
        }

        return wrong.Count == 0
            ? limit
            : throw new InvalidOperationException(string.Join(" ", wrong.Select(w => $"{section.Path}:{w.MemberNames.First()}: {w.ErrorMessage}")));
    }

    /// <summary>Adds the policy <paramref name="name"/> for <c>RequireRateLimiting</c>.</summary>
    /// <param name="builder">The application.</param>
    /// <param name="name">Of the policy, of its section below <c>RateLimits</c>, and of the limit in answers.</param>
    /// <param name="defaults">What holds where the section says nothing.</param>
    /// <param name="partition">Whose requests count together.</param>
    public static void AddRateLimit(this IHostApplicationBuilder builder, string name, RateLimitOptions defaults, Func<HttpContext, string> partition)
    {
        var limit = new Limit(name, Read(builder.Configuration, name, defaults));
        builder.Services.AddRateLimiter(options => options.AddPolicy(name, new Policy(limit, partition)));
    }

    // With an answer of its own: the middleware does not tell a common one which policy refused.
    private sealed class Policy(Limit limit, Func<HttpContext, string> partition) : IRateLimiterPolicy<string>
    {
        public Func<OnRejectedContext, CancellationToken, ValueTask>? OnRejected =>
            (context, _) => new ValueTask(limit.RefuseAsync(context.HttpContext, context.Lease));

        public RateLimitPartition<string> GetPartition(HttpContext httpContext) => limit.Partition(partition(httpContext));
    }
}
