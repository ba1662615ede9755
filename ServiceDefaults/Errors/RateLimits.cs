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
    /// <summary>Adds the policy <paramref name="name"/> for <c>RequireRateLimiting</c>.</summary>
    /// <param name="builder">The application.</param>
    /// <param name="name">Of the policy, of its section below <c>RateLimits</c>, and of the limit in answers.</param>
    /// <param name="defaults">What holds where the section says nothing.</param>
    /// <param name="partition">Whose requests count together.</param>
    public static void AddRateLimit(this IHostApplicationBuilder builder, string name, RateLimitOptions defaults, Func<HttpContext, string> partition)
    {
        var limit = Limit.Read(builder.Configuration, name, defaults);
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

/// <summary>A configured limit: makes the partitions that count for it, and the answer when one of them is used up.</summary>
public sealed class Limit
{
    private readonly string _name;
    private readonly RateLimitOptions _options;

    private Limit(string name, RateLimitOptions options) => (_name, _options) = (name, options);

    /// <summary>Reads the section <c>RateLimits:{name}</c>.</summary>
    /// <param name="configuration">The application's.</param>
    /// <param name="name">Of the section and, in <c>snake_case</c>, of the limit in answers.</param>
    /// <param name="defaults">What holds where the section says nothing.</param>
    /// <param name="mayBeOff">Whether a <c>PermitLimit</c> of 0, no limit, is a setting and not a mistake.</param>
    /// <exception cref="InvalidOperationException">A value is out of range; the message names its key.</exception>
    public static Limit Read(IConfiguration configuration, string name, RateLimitOptions defaults, bool mayBeOff = false)
    {
        var section = configuration.GetSection($"RateLimits:{name}");
        var options = new RateLimitOptions
        {
            PermitLimit = section.GetValue(nameof(RateLimitOptions.PermitLimit), defaults.PermitLimit),
            WindowSeconds = section.GetValue(nameof(RateLimitOptions.WindowSeconds), defaults.WindowSeconds),
        };
        var wrong = new List<ValidationResult>();
        if (options.PermitLimit == 0 && !mayBeOff)
        {
            wrong.Add(new ValidationResult("PermitLimit is at least 1"));
        }

        return Validator.TryValidateObject(options, new ValidationContext(options), wrong, validateAllProperties: true) && wrong.Count == 0
            ? new Limit(name, options)
            : throw new InvalidOperationException($"{section.Path}: {string.Join(" ", wrong)}");
    }

    /// <summary>The limiter that counts for <paramref name="key"/>, in windows that begin with its first request.</summary>
    public RateLimitPartition<TKey> Partition<TKey>(TKey key) => _options.PermitLimit == 0
        ? RateLimitPartition.GetNoLimiter(key)
        : RateLimitPartition.GetFixedWindowLimiter(key, _ => new FixedWindowRateLimiterOptions
        {
            PermitLimit = _options.PermitLimit,
            Window = TimeSpan.FromSeconds(_options.WindowSeconds),
        });

    /// <summary>Answers 429 and says which limit was met.</summary>
    /// <param name="context">The request that is refused.</param>
    /// <param name="lease">The lease that was not given: it knows how long to wait.</param>
    public Task RefuseAsync(HttpContext context, RateLimitLease lease)
    {
        var wait = lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? after : TimeSpan.FromSeconds(_options.WindowSeconds);
        return Problem.RateLimited(
            "Too many requests; try again later",
            new LimitDetails(Json.Naming.ConvertName(_name), _options.PermitLimit, _options.PermitLimit, _options.WindowSeconds),
            Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds))).ExecuteAsync(context);
    }
}
