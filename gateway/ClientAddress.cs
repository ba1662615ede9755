using System.Net;

namespace EasySmart.Gateway;

/// <summary>
/// Where a request comes from, as limits count it and services see it: the other end of the connection, or what trusted proxies
/// (<see cref="TrustedProxies"/>) say that it was.
/// </summary>
internal static class ClientAddress
{
    private const int BytesOf64Bits = 8;

    internal static string Of(HttpContext context) => Plain(context)?.ToString() ?? "unknown";

    /// <summary>
    /// What counts as one client: an IPv4 address, or the /64 of an IPv6 address, out of which every household and every rented server
    /// can take a new address for each request.
    /// </summary>
    internal static string NetworkOf(HttpContext context)
    {
        if (Plain(context) is not { } address)
        {
            return "unknown";
        }

        var bytes = address.GetAddressBytes();
        return bytes.Length <= BytesOf64Bits ? address.ToString() : Convert.ToHexString(bytes, 0, BytesOf64Bits);
    }

    // An IPv4 client reads the same whether or not the gateway listens on a dual-stack socket.
    private static IPAddress? Plain(HttpContext context) => context.Connection.RemoteIpAddress switch
    {
        { IsIPv4MappedToIPv6: true } mapped => mapped.MapToIPv4(),
        var address => address,
    };
}
