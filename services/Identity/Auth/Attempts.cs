using System.Globalization;
using System.Threading.RateLimiting;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.Extensions.Options;

namespace EasySmart.Identity.Auth;

/// <summary>Section <c>RateLimits:AuthEmail</c>: attempts from one address for one e-mail.</summary>
internal sealed record AttemptOptions
{
    public const string Section = "RateLimits:AuthEmail";

    public int PermitLimit { get; init; } = 10;

    public int WindowSeconds { get; init; } = 60;
}

/// <summary>
/// Limits attempts from one address for one e-mail. By both together: by the e-mail alone anybody could lock its owner out. (By the
/// address alone is the gateway's part.) Each instance counts by itself.
/// </summary>
internal sealed class Attempts : IDisposable
{
    private readonly AttemptOptions _options;
    private readonly PartitionedRateLimiter<(string Address, string Email)> _limiter;

    public Attempts(IOptions<AttemptOptions> options)
    {
        _options = options.Value;
        _limiter = PartitionedRateLimiter.Create<(string Address, string Email), (string, string)>(
            who => RateLimitPartition.GetFixedWindowLimiter(who, _ => new FixedWindowRateLimiterOptions
            {
                PermitLimit = _options.PermitLimit,
                Window = TimeSpan.FromSeconds(_options.WindowSeconds),
            }));
    }

    /// <summary>Counts an attempt. Returns the answer when it is one too many, null when it may go on.</summary>
    public ProblemResult? Refuse(Caller caller, string email)
    {
        using var lease = _limiter.AttemptAcquire((caller.ClientIp ?? "", email.Trim().ToLowerInvariant()));
        if (lease.IsAcquired)
        {
            return null;
        }

        var wait = lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? after : TimeSpan.FromSeconds(_options.WindowSeconds);
        return Problem.RateLimited(
            string.Create(CultureInfo.InvariantCulture, $"Too many attempts for this e-mail; wait {Math.Ceiling(wait.TotalSeconds)} s"),
            new LimitDetails("auth_email", _options.PermitLimit, _options.PermitLimit, _options.WindowSeconds),
            Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)));
    }

    public void Dispose() => _limiter.Dispose();
}
