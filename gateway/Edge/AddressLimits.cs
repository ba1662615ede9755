using System.Threading.RateLimiting;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Authentication;

namespace EasySmart.Gateway;

/// <summary>
/// What one address may ask before anything is spent on finding out who it is. <c>RateLimits:Address</c> counts all its requests, but for
/// those of the networks in <c>RateLimits:Address:Exempt</c>: the broker that delivers everybody's readings over HTTP. <c>RateLimits:FailedAuthentications</c>
/// counts those with a credential that the gateway refused; when they are used up, credentials that did not pass lately are refused unread.
/// </summary>
internal sealed class AddressLimits : IDisposable
{
    private readonly KnownCredentials _known = new();
    private readonly Limit _all;
    private readonly Limit _failed;
    private readonly PartitionedRateLimiter<HttpContext> _allOf;
    private readonly PartitionedRateLimiter<HttpContext> _failedOf;

    public AddressLimits(IConfiguration configuration)
    {
        // A factory's people and programs share one address. 200 a second, each with another token to verify (200 µs), is 4 % of a core.
        _all = LimitOf(configuration, "Address", 12_000);
        // Two a second: more than the pages of an office send when their tokens have run out, and nothing for who guesses 256 bits.
        _failed = LimitOf(configuration, "FailedAuthentications", 120);
        var exempt = Networks.Read(configuration, "RateLimits:Address:Exempt");
        // Partitions that nobody used for a window are dropped, so that memory follows the addresses of the last minute.
        _allOf = PartitionedRateLimiter.Create<HttpContext, string>(context =>
            IsProbe(context) || exempt.Contains(context.Connection.RemoteIpAddress)
                ? RateLimitPartition.GetNoLimiter("")
                : _all.Partition(ClientAddress.NetworkOf(context)));
        _failedOf = PartitionedRateLimiter.Create<HttpContext, string>(context => _failed.Partition(ClientAddress.NetworkOf(context)));
    }

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        using var request = _allOf.AttemptAcquire(context);
        if (!request.IsAcquired)
        {
            await _all.RefuseAsync(context, request);
            return;
        }

        var header = context.Request.Headers.Authorization.ToString();
        var credential = header.Length > 0 ? header : StreamTickets.Of(context.Request);
        if (credential.Length == 0)
        {
            await next(context);
            return;
        }

        // No permits: only asks whether there are any left.
        using var failures = _failedOf.AttemptAcquire(context, 0);
        if (!failures.IsAcquired && !_known.Contains(credential))
        {
            await _failed.RefuseAsync(context, failures);
            return;
        }

        await next(context);
        if (context.User is Principal)
        {
            _known.Add(credential);
        }
        else if (context.Response.StatusCode == StatusCodes.Status401Unauthorized && (await context.AuthenticateAsync()).Failure is not null)
        {
            _failedOf.AttemptAcquire(context).Dispose();
        }
    }

    public void Dispose()
    {
        _known.Dispose();
        _allOf.Dispose();
        _failedOf.Dispose();
    }

    private static Limit LimitOf(IConfiguration configuration, string name, int aMinute) =>
        new(name, RateLimits.Read(configuration, name, new RateLimitOptions { PermitLimit = aMinute }, mayBeOff: true));

    // Refused, they would make a balancer take the gateway out.
    private static bool IsProbe(HttpContext context) => context.Request.Path.StartsWithSegments("/health");
}
