using System.Security.Cryptography;
using Microsoft.Net.Http.Headers;
using Scalar.AspNetCore;

namespace EasySmart.Gateway;

/// <summary>The API's document at <c>/openapi/v1.json</c>, and a page to read it and to try requests at <c>/docs</c>. Open to everybody.</summary>
internal static class ApiReference
{
    private const string DocumentPath = "/openapi/v1.json";
    private const string PagePath = "/docs";

    // Three bars, inside the page, so that no other request is made for it.
    private const string Icon =
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' fill='%230f766e'/%3E"
        + "%3Cpath d='M3 11h2V7H3zm4 0h2V4H7zm4 0h2V8h-2z' fill='white'/%3E%3C/svg%3E";

    internal static void MapApiDocument(this WebApplication app)
    {
        var document = Read();
        var tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(document))[..16]}\"");
        app.MapGet(DocumentPath, (HttpResponse response) =>
        {
            // Kept, and asked for again: a new version is seen at once, and costs nothing when there is none.
            response.Headers.CacheControl = "public, no-cache";
            return TypedResults.Bytes(document, "application/json", entityTag: tag);
        }).AllowAnonymous();
        app.MapScalarApiReference(PagePath, Configure).AllowAnonymous();
    }

    // Everything comes from here, so that it works where there is no other network: no fonts, proxy, telemetry or assistant of somebody else's.
    private static void Configure(ScalarOptions options, HttpContext context)
    {
        var nonce = RandomNumberGenerator.GetHexString(32, lowercase: true);
        context.Response.Headers.ContentSecurityPolicy = Policy(nonce);
        context.Response.Headers.CacheControl = "no-store";
        options
            .WithTitle("EasySmart IIoT Core API")
            .WithOpenApiRoutePattern(DocumentPath)
            .WithNonce(nonce)
            .WithFavicon(Icon)
            .WithProxy("")
            .DisableDefaultFonts()
            .DisableTelemetry()
            .DisableAgent()
            .DisableMcp()
            .HideDeveloperTools()
            .HideClientButton()
            .WithTheme(ScalarTheme.Default)
            .WithDefaultHttpClient(ScalarTarget.Shell, ScalarClient.Curl)
            .AddPreferredSecuritySchemes("bearer")
            .PreserveSchemaPropertyOrder()
            // A table's words stay whole, and the page is as wide as its examples need.
            .WithCustomCss(".markdown table :is(td, th, code) { word-break: normal; overflow-wrap: normal; } .markdown table :is(td, th):first-child { white-space: nowrap; }");
    }

    private static string Policy(string nonce) => string.Join(
        "; ",
        "default-src 'none'",
        $"script-src 'self' 'nonce-{nonce}'",
        // The page's script puts its styles into the page.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'");

    private static byte[] Read()
    {
        using var resource = typeof(ApiReference).Assembly.GetManifestResourceStream("openapi.v1.json")
            ?? throw new InvalidOperationException("This build lacks its API document; see EasySmart.Gateway.csproj");
        using var buffer = new MemoryStream();
        resource.CopyTo(buffer);
        return buffer.ToArray();
    }
}
