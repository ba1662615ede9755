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
    /// <summary>Requests that one partition (an address, a user) may make in one window.</summary>
    [Range(1, int.MaxValue)]
    public int PermitLimit { get; init; }

    /// <summary>Length of the window in seconds.</summary>
    [Range(1, 86_400)]
    public int WindowSeconds { get; init; } = 60;
}

/// <summary>ASP.NET Core's rate limiter with contract.md's answer: 429 <c>rate_limited</c>, <c>Retry-After</c> and <c>details</c>.</summary>
public static class RateLimits
{
    /// <summary>The limit that section <c>RateLimits:{name}</c> sets, over <paramref name="defaults"/>.</summary>
    /// <exception cref="InvalidOperationException">The section is not valid; the message names it.</exception>
    public static RateLimitOptions Read(IConfiguration configuration, string name, RateLimitOptions defaults)
    {
        var section = configuration.GetSection($"RateLimits:{name}");
        var limit = new RateLimitOptions
        {
            PermitLimit = section.GetValue(nameof(RateLimitOptions.PermitLimit), defaults.PermitLimit),
            WindowSeconds = section.GetValue(nameof(RateLimitOptions.WindowSeconds), defaults.WindowSeconds),
        };
        var wrong = new List<ValidationResult>();
        return Validator.TryValidateObject(limit, new ValidationContext(limit), wrong, validateAllProperties: true)
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
        var limit = Read(builder.Configuration, name, defaults);
        builder.Services.AddRateLimiter(options =>
        {
            options.OnRejected = (context, _) => new ValueTask(RejectAsync(context));
            options.AddPolicy(name, context => RateLimitPartition.GetFixedWindowLimiter(partition(context), _ => new FixedWindowRateLimiterOptions
            {
                PermitLimit = limit.PermitLimit,
                Window = TimeSpan.FromSeconds(limit.WindowSeconds),
            }));
        });
        builder.Services.AddKeyedSingleton(name, limit);
    }

    private static Task RejectAsync(OnRejectedContext context)
    {
        var http = context.HttpContext;
        var name = http.GetEndpoint()?.Metadata.GetMetadata<EnableRateLimitingAttribute>()?.PolicyName ?? "";
        var limit = http.RequestServices.GetRequiredKeyedService<RateLimitOptions>(name);
        var wait = context.Lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? after : TimeSpan.FromSeconds(limit.WindowSeconds);
        return Problem.RateLimited(
            "Too many requests; try again later",
            new LimitDetails(name.ToLowerInvariant(), limit.PermitLimit, limit.PermitLimit, limit.WindowSeconds),
            Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds))).ExecuteAsync(http);
    }
}
