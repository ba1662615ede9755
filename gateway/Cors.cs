using EasySmart.ServiceDefaults.Telemetry;
using Microsoft.Net.Http.Headers;

namespace EasySmart.Gateway;

/// <summary>Which web pages' scripts may call the API: section <c>Cors:Origins</c>, a list; none unless configured.</summary>
internal static class Cors
{
    internal static void AddOrigins(this WebApplicationBuilder builder)
    {
        var origins = builder.Configuration.GetSection("Cors:Origins").Get<string[]>() ?? [];
        for (var i = 0; i < origins.Length; i++)
        {
            // An origin with a slash at its end matches no browser's; better said at start than looked for later.
            if (origins[i] != "*"
                && !(Uri.TryCreate(origins[i], UriKind.Absolute, out var uri) && uri.GetLeftPart(UriPartial.Authority) == origins[i]))
            {
                throw new InvalidOperationException($"Cors:Origins:{i} needs an origin such as https://app.example.com, without a path");
            }
        }

        // No credentials: tokens travel in a header that scripts set, so no page can use another's.
        builder.Services.AddCors(cors => cors.AddDefaultPolicy(policy => policy
            .WithOrigins(origins)
            .AllowAnyMethod()
            .AllowAnyHeader()
            .WithExposedHeaders(
                RequestId.Header, HeaderNames.RetryAfter, HeaderNames.Link, HeaderNames.WWWAuthenticate, "Deprecation", "Sunset")
            .SetPreflightMaxAge(TimeSpan.FromMinutes(10))));
    }
}
