using System.Globalization;
using Microsoft.Extensions.Options;

namespace EasySmart.Gateway;

/// <summary>Section <c>LegacyPrefix</c>: how long <c>/api</c> without a version goes on.</summary>
internal sealed record LegacyPrefixOptions
{
    /// <summary>Since when new clients should not use it.</summary>
    public DateTimeOffset Deprecated { get; init; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>When it may stop answering.</summary>
    public DateTimeOffset Sunset { get; init; } = new(2028, 1, 1, 0, 0, 0, TimeSpan.Zero);
}

/// <summary>
/// Answers <c>/api/…</c> as <c>/api/v1/…</c> and says so in headers, also on errors. <c>Deprecation</c> is the date that RFC 9745
/// defines; the <c>true</c> of its drafts tells a client less, and no parser of the standard takes it.
/// </summary>
internal static class LegacyPrefix
{
    private const string Legacy = "/api";

    internal static void AddLegacyPrefix(this WebApplicationBuilder builder) =>
        builder.Services.AddOptions<LegacyPrefixOptions>().BindConfiguration("LegacyPrefix")
            .Validate(o => o.Sunset >= o.Deprecated, "LegacyPrefix:Sunset is before LegacyPrefix:Deprecated").ValidateOnStart();

    internal static void UseLegacyPrefix(this IApplicationBuilder app)
    {
        var options = app.ApplicationServices.GetRequiredService<IOptions<LegacyPrefixOptions>>().Value;
        var deprecation = string.Create(CultureInfo.InvariantCulture, $"@{options.Deprecated.ToUnixTimeSeconds()}");
        var sunset = options.Sunset.UtcDateTime.ToString("R", CultureInfo.InvariantCulture);
        app.Use((context, next) =>
        {
            var path = context.Request.Path;
            if (!path.StartsWithSegments(Legacy, out var rest) || path.StartsWithSegments(Routes.Prefix))
            {
                return next(context);
            }

            var successor = new PathString(Routes.Prefix).Add(rest);
            context.Request.Path = successor;
            // On starting, because an error answer clears what was set before.
            context.Response.OnStarting(() =>
            {
                var headers = context.Response.Headers;
                headers["Deprecation"] = deprecation;
                headers["Sunset"] = sunset;
                headers.Append("Link", $"<{successor.ToUriComponent()}>; rel=\"successor-version\"");
                return Task.CompletedTask;
            });
            return next(context);
        });
    }
}
