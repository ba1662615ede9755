using EasySmart.ServiceDefaults;
using Microsoft.AspNetCore.HttpOverrides;

namespace EasySmart.Gateway;

/// <summary>
/// Whose <c>X-Forwarded-For</c> and <c>X-Forwarded-Proto</c> are believed: <c>TrustedProxies</c>, a list of networks and addresses; nobody's
/// unless configured. The client is the right-most address that no trusted proxy has; what stands left of it, anybody may have written.
/// </summary>
internal static class TrustedProxies
{
    private const string Key = "TrustedProxies";
    // ASP.NET Core's own switch, set in many a container: it believes everybody.
    private const string BelieveEverybody = "FORWARDEDHEADERS_ENABLED";
    // More than anybody puts in a row; the header's length is no bound on the work that it makes.
    private const int MostHops = 8;

    internal static void AddTrustedProxies(this WebApplicationBuilder builder)
    {
        if (builder.Configuration.GetValue<bool>(BelieveEverybody))
        {
            throw new InvalidOperationException(
                $"ASPNETCORE_{BelieveEverybody} would let every client choose its own address: remove it, and name the proxies in {Key}:0, {Key}:1, …");
        }

        var proxies = Networks.Read(builder.Configuration, Key);
        builder.Services.Configure<ForwardedHeadersOptions>(options =>
        {
            options.ForwardedHeaders = proxies.IsEmpty ? ForwardedHeaders.None : ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto;
            options.ForwardLimit = MostHops;
            // The defaults believe whoever is on the same machine.
            options.KnownProxies.Clear();
            options.KnownIPNetworks.Clear();
            foreach (var network in proxies.All)
            {
                options.KnownIPNetworks.Add(network);
            }
        });
    }
}
