namespace EasySmart.Gateway;

/// <summary>Where a request comes from, as limits count it and services see it: the other end of the connection.</summary>
internal static class ClientAddress
{
    // An IPv4 client reads the same whether or not the gateway listens on a dual-stack socket.
    internal static string Of(HttpContext context) => context.Connection.RemoteIpAddress switch
    {
        null => "unknown",
        { IsIPv4MappedToIPv6: true } mapped => mapped.MapToIPv4().ToString(),
        var address => address.ToString(),
    };
}
