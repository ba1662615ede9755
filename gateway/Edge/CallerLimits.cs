using System.Threading.RateLimiting;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;

namespace EasySmart.Gateway;

/// <summary>
/// What one known caller may ask, wherever it asks from: <c>RateLimits:User</c> and <c>RateLimits:ApiKey</c>, each user and key for itself.
/// A platform-wide key is the operator's own, and one of them brings the readings of all tenants: <c>RateLimits:PlatformApiKey</c> is off (0).
/// </summary>
internal static class CallerLimits
{
    internal static void AddCallerLimits(this WebApplicationBuilder builder)
    {
        var (user, key, platformKey) = (Read("User", 600), Read("ApiKey", 6_000), Read("PlatformApiKey", 0));
        builder.Services.AddRateLimiter(options =>
        {
            options.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, (CallerKind, string)>(context => context.User is Principal caller
                ? LimitOf(caller).Partition((caller.Kind, caller.Id))
                : RateLimitPartition.GetNoLimiter((CallerKind.Anonymous, "")));
            options.OnRejected = (context, _) =>
                new ValueTask(LimitOf((Principal)context.HttpContext.User).RefuseAsync(context.HttpContext, context.Lease));
        });

        Limit Read(string name, int aMinute) =>
            new(name, RateLimits.Read(builder.Configuration, name, new RateLimitOptions { PermitLimit = aMinute }, mayBeOff: true));

        Limit LimitOf(Principal caller) => caller.Kind switch
        {
            CallerKind.ApiKey when caller.FindFirst("tenant_id") is null => platformKey,
            CallerKind.ApiKey => key,
            _ => user,
        };
    }
}
