using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace EasySmart.Gateway;

/// <summary>Section <c>Hsts</c>: how long browsers refuse to speak to this host without TLS, told only over TLS.</summary>
internal sealed record HstsOptions
{
    /// <summary>Days; 0 makes browsers forget it.</summary>
    [Range(0, 3650, ErrorMessage = "Hsts:MaxAgeDays is from 0 to 3650")]
    public int MaxAgeDays { get; init; } = 365;

    /// <summary>Whether it holds for all names below this host's too. Somebody else may serve those: off unless said.</summary>
    public bool IncludeSubDomains { get; init; }
}

/// <summary>Marks a route whose answers go to firmware with small buffers.</summary>
internal sealed record ReadByFirmware;

/// <summary>
/// What browsers are told with every answer, errors too: show nothing, run nothing, frame nothing, keep nothing, tell nobody. An answer
/// that says something else itself (a page with scripts of its own, a document that may be cached) is left as it is.
/// </summary>
internal static class SecurityHeaders
{
    internal static void AddSecurityHeaders(this WebApplicationBuilder builder) =>
        builder.Services.AddOptions<HstsOptions>().BindConfiguration("Hsts").ValidateDataAnnotations().ValidateOnStart();

    internal static void UseSecurityHeaders(this IApplicationBuilder app)
    {
        var options = app.ApplicationServices.GetRequiredService<IOptions<HstsOptions>>().Value;
        var hsts = string.Create(CultureInfo.InvariantCulture, $"max-age={(long)options.MaxAgeDays * 86_400}")
            + (options.IncludeSubDomains ? "; includeSubDomains" : "");
        app.Use((context, next) =>
        {
            // On starting, because an error answer clears what was set before; and as the first to register the last to run.
            context.Response.OnStarting(() =>
            {
                Complete(context, hsts);
                return Task.CompletedTask;
            });
            return next(context);
        });
    }

    private static void Complete(HttpContext context, string hsts)
    {
        var headers = context.Response.Headers;
        // A service's own, forwarded.
        headers.Remove(HeaderNames.Server);
        headers.TryAdd(HeaderNames.CacheControl, "no-store");
        if (context.GetEndpoint()?.Metadata.GetMetadata<ReadByFirmware>() is not null)
        {
            return;
        }

        headers.XContentTypeOptions = "nosniff";
        headers.TryAdd("Referrer-Policy", "no-referrer");
        headers.TryAdd(HeaderNames.XFrameOptions, "DENY");
        headers.TryAdd(HeaderNames.ContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'");
        // A browser keeps it for a host name: on localhost it would break every other program under development there.
        if (context.Request.IsHttps && !context.Request.Host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
        {
            headers.StrictTransportSecurity = hsts;
        }
    }
}
