using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;

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

/// <summary>Limits by configuration. <see cref="Limit"/> counts one in memory; what must hold across instances is counted in a database.</summary>
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
}
