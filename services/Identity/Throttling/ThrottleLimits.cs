using EasySmart.ServiceDefaults.Errors;

namespace EasySmart.Identity.Throttling;

/// <summary>Sections <c>RateLimits:Auth</c>, <c>RateLimits:AuthEmail</c> and <c>RateLimits:Registrations</c>.</summary>
/// <exception cref="InvalidOperationException">A section is not valid; the message names the key.</exception>
internal sealed class ThrottleLimits(IConfiguration configuration)
{
    /// <summary>Attempts at the auth routes from one address.</summary>
    public RateLimitOptions Address { get; } = RateLimits.Read(configuration, "Auth", new RateLimitOptions { PermitLimit = 10 });

    /// <summary>Attempts from one address for one e-mail; also the failures after which the delay begins to grow.</summary>
    public RateLimitOptions AddressAndEmail { get; } = RateLimits.Read(configuration, "AuthEmail", new RateLimitOptions { PermitLimit = 10 });

    /// <summary>Accounts that one address may make in a day.</summary>
    public RateLimitOptions Registrations { get; } =
        RateLimits.Read(configuration, "Registrations", new RateLimitOptions { PermitLimit = 100, WindowSeconds = 86_400 });
}
