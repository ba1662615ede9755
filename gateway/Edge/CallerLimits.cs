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
        var user = Limit.Read(builder.Configuration, "User", new RateLimitOptions { PermitLimit = 600 }, mayBeOff: true);
        var key = Limit.Read(builder.Configuration, "ApiKey", new RateLimitOptions { PermitLimit = 6_000 }, mayBeOff: true);
        var platformKey = Limit.Read(builder.Configuration, "PlatformApiKey", new RateLimitOptions { PermitLimit = 0 }, mayBeOff: true);
        builder.Services.AddRateLimiter(options =>
        {
            options.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, (CallerKind, string)>(context => context.User is Principal caller
                ? LimitOf(caller).Partition((caller.Kind, caller.Id))
                : RateLimitPartition.GetNoLimiter((CallerKind.Anonymous, "")));
            options.OnRejected = (context, _) =>
                new ValueTask(LimitOf((Principal)context.HttpContext.User).RefuseAsync(context.HttpContext, context.Lease));
        });

        Limit LimitOf(Principal caller) => caller.Kind switch
        {
            CallerKind.ApiKey when caller.FindFirst("tenant_id") is null => platformKey,
            CallerKind.ApiKey => key,
            _ => user,
        };
    }
}
