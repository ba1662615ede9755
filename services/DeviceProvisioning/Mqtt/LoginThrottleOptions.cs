using System.ComponentModel.DataAnnotations;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>Section <c>LoginThrottle</c>: how guessing is slowed.</summary>
public sealed record LoginThrottleOptions
{
    /// <summary>Wrong secrets for one user name from one address, before the next try has to wait.</summary>
    [Range(1, 1000, ErrorMessage = "LoginThrottle:FreeFailures must be 1 to 1000")]
    public int FreeFailures { get; init; } = 5;

    /// <summary>The first wait; each further failure doubles it.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00", ErrorMessage = "LoginThrottle:FirstDelay must be 00:00:00.1 to 01:00:00")]
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00", ErrorMessage = "LoginThrottle:LongestDelay must be 00:00:00.1 to 01:00:00")]
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Failures a minute from one address (of IPv6: one /64), before who is not known there is refused.</summary>
    [Range(1, 1_000_000, ErrorMessage = "LoginThrottle:FailuresPerAddress must be 1 to 1000000")]
    public int FailuresPerAddress { get; init; } = 120;

    /// <summary>How long who got in from an address is known there.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "7.00:00:00", ErrorMessage = "LoginThrottle:KnownFor must be 00:00:00 to 7.00:00:00")]
    public TimeSpan KnownFor { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How many user names and addresses are remembered; beyond it the oldest are forgotten.</summary>
    [Range(1000, 10_000_000, ErrorMessage = "LoginThrottle:Remembered must be 1000 to 10000000")]
    public int Remembered { get; init; } = 100_000;
}
