using System.Net;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;

namespace EasySmart.ServiceDefaults.Telemetry;

/// <summary>
/// Who may read <c>/metrics</c>: <c>Metrics:Networks</c>; for all others there is nothing there. A service, whose port nobody publishes,
/// is read from loopback and private networks, where a Prometheus in a container lives. The gateway stands at the edge, and behind a
/// published container port the whole world can come with a private address, so that it trusts loopback only, until told otherwise.
/// </summary>
internal sealed class MetricsAccess(Networks networks)
{
    private static readonly string[] Loopback = ["127.0.0.0/8", "::1"];
    private static readonly string[] Private = [.. Loopback, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];
    private static readonly string[] Forwarded = ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"];

    internal static MetricsAccess Read(IConfiguration configuration, bool atTheEdge) =>
        new(Networks.Read(configuration, "Metrics:Networks", atTheEdge ? Loopback : Private));

    /// <summary>Puts the check before the endpoint, whatever path or method it is reached by.</summary>
    internal void Guard(IEndpointConventionBuilder endpoint) => endpoint.Add(built =>
    {
        var answer = built.RequestDelegate!;
        built.RequestDelegate = context => MayRead(context)
            ? answer(context)
            : ErrorEnvelope.WriteAsync(context, StatusCodes.Status404NotFound);
    });

    // The address is the client's own where trusted proxies are configured. A trace of forwarding that is left then was added by somebody
    // unknown: a proxy of ours that nobody configured, through which the public would be read as our own network.
    private bool MayRead(HttpContext context) =>
        networks.Contains(context.Connection.RemoteIpAddress) && !Array.Exists(Forwarded, context.Request.Headers.ContainsKey);
}
