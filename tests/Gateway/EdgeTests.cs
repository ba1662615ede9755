using System.Globalization;
using System.Net;
using EasySmart.Hosting;

namespace EasySmart.Gateway.Tests;

/// <summary>What the gateway adds at its edge: the legacy prefix's headers, limits, CORS; and what it needs to start.</summary>
public sealed class EdgeTests(GatewayHost gateway)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/api/devices?limit=5", 401, "/api/v1/devices")]
    [InlineData("/api/no/such", 404, "/api/v1/no/such")]
    [InlineData("/api/auth/login", 405, "/api/v1/auth/login")]
    [InlineData("/api/devices/a%3E%20b%C3%A7", 401, "/api/v1/devices/a%3E%20b%C3%A7")]
    public async Task The_legacy_prefix_names_its_successor_also_on_errors(string path, int status, string successor)
    {
        using var answer = await gateway.Direct().GetAsync(path, Cancellation);
        Assert.Equal(status, (int)answer.StatusCode);
        var deprecated = long.Parse(answer.Headers.GetValues("Deprecation").Single().TrimStart('@'), CultureInfo.InvariantCulture);
        var sunset = DateTimeOffset.ParseExact(answer.Headers.GetValues("Sunset").Single(), "R", CultureInfo.InvariantCulture);
        Assert.True(sunset > DateTimeOffset.FromUnixTimeSeconds(deprecated));
        Assert.Equal($"<{successor}>; rel=\"successor-version\"", answer.Headers.GetValues("Link").Single());
    }

    [Theory]
    [InlineData("/api/v1/devices")]
    [InlineData("/health")]
    public async Task Nothing_else_is_deprecated(string path)
    {
        using var answer = await gateway.Direct().GetAsync(path, Cancellation);
        Assert.False(answer.Headers.Contains("Deprecation") || answer.Headers.Contains("Sunset") || answer.Headers.Contains("Link"));
    }

    [Fact]
    public async Task A_page_of_a_configured_origin_may_call_and_another_may_not()
    {
        await using var own = await GatewayHost.StartAsync(
            settings: [("Cors:Origins:0", "https://app.example.com"), ("Cors:Origins:1", "http://localhost:5173")]);
        using (var preflight = await PreflightAsync(own, "https://app.example.com"))
        {
            Assert.Equal(HttpStatusCode.NoContent, preflight.StatusCode);
            Assert.Equal("https://app.example.com", preflight.Headers.GetValues("Access-Control-Allow-Origin").Single());
            Assert.Contains("PATCH", preflight.Headers.GetValues("Access-Control-Allow-Methods").Single(), StringComparison.Ordinal);
            Assert.Contains("authorization", preflight.Headers.GetValues("Access-Control-Allow-Headers").Single(), StringComparison.Ordinal);
            Assert.Single(preflight.Headers.GetValues("X-Request-ID"));
        }

        using (var stranger = await PreflightAsync(own, "https://evil.example.com"))
        {
            Assert.False(stranger.Headers.Contains("Access-Control-Allow-Origin"));
        }

        // On errors too, or a script could not read why.
        var client = own.Direct();
        client.DefaultRequestHeaders.Add("Origin", "http://localhost:5173");
        using var refused = await client.GetAsync("/api/v1/devices", Cancellation);
        await Envelope.AssertAsync(refused, 401, "unauthorized");
        AssertReadable(refused);
        using var missing = await client.GetAsync("/api/v1/no/such", Cancellation);
        await Envelope.AssertAsync(missing, 404, "not_found");
        AssertReadable(missing);
        using var bug = await client.GetAsync("/__probe/bug", Cancellation);
        await Envelope.AssertAsync(bug, 500, "internal_error");
        AssertReadable(bug);
    }

    [Theory]
    [InlineData("Address")]
    [InlineData("User")]
    public async Task A_page_can_read_how_long_to_wait(string limit)
    {
        await using var own = await GatewayHost.StartAsync(
            settings: [("Cors:Origins:0", "http://localhost:5173"), ($"RateLimits:{limit}:PermitLimit", "1")]);
        var client = own.Bearer();
        client.DefaultRequestHeaders.Add("Origin", "http://localhost:5173");
        AssertReadable(await client.GetAsync("/api/v1/devices", Cancellation));
        using var refused = await client.GetAsync("/api/v1/devices", Cancellation);
        await Envelope.AssertAsync(refused, 429, "rate_limited");
        AssertReadable(refused);
        // A preflight costs nothing: the browser would not send the request that it asks for.
        using var preflight = await PreflightAsync(own, "http://localhost:5173");
        Assert.Equal(HttpStatusCode.NoContent, preflight.StatusCode);
    }

    [Fact]
    public async Task No_origin_is_allowed_unless_configured()
    {
        using var preflight = await PreflightAsync(gateway, "https://app.example.com");
        Assert.False(preflight.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("InternalIdentity:Key", null)]
    [InlineData("services:identity:http:0", "not a url")]
    [InlineData("services:device-provisioning:http:0", null)]
    [InlineData("services:ingestion:http:0", "")]
    [InlineData("services:telemetry-query:http:0", "http://host/with/path")]
    [InlineData("services:billing-quota:http:0", "ftp://host")]
    [InlineData("AccessTokens:KeyRefreshSeconds", "0")]
    [InlineData("Internal:ServiceKey", "short")]
    [InlineData("Forwarding:TimeoutSeconds", "0")]
    [InlineData("Forwarding:AnswerSeconds", "0")]
    [InlineData("RateLimits:Address:PermitLimit", "-1")]
    [InlineData("RateLimits:Address:Exempt:0", "the broker")]
    [InlineData("RateLimits:FailedAuthentications:WindowSeconds", "0")]
    [InlineData("RateLimits:User:PermitLimit", "-1")]
    [InlineData("RateLimits:ApiKey:WindowSeconds", "100000")]
    [InlineData("RateLimits:PlatformApiKey:PermitLimit", "-1")]
    [InlineData("TrustedProxies:0", "10.0.0.0/33")]
    [InlineData("TrustedProxies:1", "10")]
    [InlineData("TrustedProxies", "10.0.0.0/8")]
    [InlineData("FORWARDEDHEADERS_ENABLED", "true")]
    [InlineData("Metrics:Networks:0", "10.0.0.0/8x")]
    [InlineData("Connections:Headers", "1")]
    [InlineData("Connections:HeaderSeconds", "0")]
    [InlineData("Hsts:MaxAgeDays", "-1")]
    [InlineData("Cors:Origins:0", "https://app.example.com/")]
    [InlineData("LegacyPrefix:Sunset", "2020-01-01T00:00:00Z")]
    public async Task A_wrong_setting_stops_the_start_and_is_named(string key, string? value)
    {
        var failure = await Assert.ThrowsAnyAsync<Exception>(() => GatewayHost.StartAsync(settings: [(key, value)]));
        var told = failure.ToString();
        Assert.All(key.Split(':'), word => Assert.Contains(word, told, StringComparison.Ordinal));
    }

    private static void AssertReadable(HttpResponseMessage answer)
    {
        Assert.Equal("http://localhost:5173", answer.Headers.GetValues("Access-Control-Allow-Origin").Single());
        var exposed = answer.Headers.GetValues("Access-Control-Expose-Headers").Single().Split(',', StringSplitOptions.TrimEntries);
        Assert.All(["Link", "Retry-After", "X-Request-ID"], name => Assert.Contains(name, exposed));
    }

    private static async Task<HttpResponseMessage> PreflightAsync(GatewayHost gateway, string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, "/api/v1/tenants/x/quotas");
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", "PATCH");
        request.Headers.Add("Access-Control-Request-Headers", "authorization,content-type");
        return await gateway.Direct().SendAsync(request, Cancellation);
    }
}
