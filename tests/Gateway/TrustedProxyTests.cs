using System.Net;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.Gateway.Tests;

/// <summary>Whose word about a client's address counts, and what depends on it. The peer of every test is 127.0.0.1.</summary>
public sealed class TrustedProxyTests
{
    private static readonly (string, string?)[] TwoProxies = [("TrustedProxies:0", "127.0.0.0/8"), ("TrustedProxies:1", "10.0.0.7")];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    // One proxy, two in a row, and what a client wrote before them.
    [InlineData("203.0.113.5", "203.0.113.5")]
    [InlineData("203.0.113.5, 10.0.0.7", "203.0.113.5")]
    [InlineData("1.1.1.1, 203.0.113.5, 10.0.0.7", "203.0.113.5")]
    [InlineData("10.0.0.7, 1.1.1.1, 203.0.113.5", "203.0.113.5")]
    // The second is none of ours.
    [InlineData("203.0.113.5, 10.0.0.8", "10.0.0.8")]
    [InlineData("2001:db8::1, 10.0.0.7", "2001:db8::1")]
    [InlineData("203.0.113.5:4711", "203.0.113.5")]
    [InlineData("unknown", "127.0.0.1")]
    [InlineData("203.0.113.5, nonsense", "127.0.0.1")]
    [InlineData("", "127.0.0.1")]
    public async Task The_right_most_address_that_is_no_proxy_is_the_client(string forwarded, string client)
    {
        await using var gateway = await GatewayHost.StartAsync(settings: TwoProxies);
        Assert.Equal(client, await SeenAsync(gateway, forwarded));
    }

    [Fact]
    public async Task Nobody_is_believed_unless_configured()
    {
        await using var none = await GatewayHost.StartAsync();
        Assert.Equal("127.0.0.1", await SeenAsync(none, "203.0.113.5"));
        await using var others = await GatewayHost.StartAsync(settings: ("TrustedProxies:0", "10.0.0.0/8"));
        Assert.Equal("127.0.0.1", await SeenAsync(others, "203.0.113.5"));
    }

    [Fact]
    public async Task A_chain_longer_than_anybody_s_is_not_followed_to_its_end()
    {
        await using var gateway = await GatewayHost.StartAsync(settings: TwoProxies);
        Assert.Equal("10.0.0.7", await SeenAsync(gateway, string.Join(", ", ["203.0.113.5", .. Enumerable.Repeat("10.0.0.7", 20)])));
    }

    [Theory]
    [InlineData("https", "api.example.com", true)]
    [InlineData("http", "api.example.com", false)]
    [InlineData("https", "localhost", false)]
    public async Task A_trusted_proxy_tells_that_there_was_TLS(string proto, string host, bool hsts)
    {
        await using var gateway = await GatewayHost.StartAsync(settings: TwoProxies);
        using var answer = await gateway.Direct().SendAsync(OverTls(proto, host), Cancellation);
        Assert.Equal(hsts ? "max-age=31536000" : null, answer.Headers.TryGetValues("Strict-Transport-Security", out var told) ? told.Single() : null);
    }

    [Fact]
    public async Task HSTS_is_as_configured_and_anybody_else_s_word_about_TLS_is_not_taken()
    {
        await using var gateway = await GatewayHost.StartAsync(settings: [.. TwoProxies, ("Hsts:MaxAgeDays", "1"), ("Hsts:IncludeSubDomains", "true")]);
        using var answer = await gateway.Direct().SendAsync(OverTls("https", "api.example.com"), Cancellation);
        Assert.Equal("max-age=86400; includeSubDomains", answer.Headers.GetValues("Strict-Transport-Security").Single());
        await using var others = await GatewayHost.StartAsync(settings: ("TrustedProxies:0", "10.0.0.0/8"));
        using var forged = await others.Direct().SendAsync(OverTls("https", "api.example.com"), Cancellation);
        Assert.False(forged.Headers.Contains("Strict-Transport-Security"));
    }

    [Theory]
    [InlineData(null, 200)]
    [InlineData("10.20.0.4", 200)]
    [InlineData("203.0.113.5", 404)]
    // A client's own claim to be inside, left of where it came from; and through a second proxy that nobody configured.
    [InlineData("10.20.0.4, 203.0.113.5", 404)]
    [InlineData("203.0.113.5, 10.20.0.4", 404)]
    public async Task Metrics_are_for_configured_networks_also_through_a_proxy(string? forwarded, int status)
    {
        await using var gateway = await GatewayHost.StartAsync(
            settings: [.. TwoProxies, ("Metrics:Networks:0", "127.0.0.1"), ("Metrics:Networks:1", "10.20.0.0/16")]);
        await MetricsAsync(gateway, forwarded, status);
    }

    [Fact]
    public async Task Metrics_are_not_for_whom_an_unknown_proxy_forwards()
    {
        await using var gateway = await GatewayHost.StartAsync();
        await MetricsAsync(gateway, null, 200);
        await MetricsAsync(gateway, "203.0.113.5", 404);
        await using var elsewhere = await GatewayHost.StartAsync(settings: ("Metrics:Networks:0", "10.0.0.0/8"));
        await MetricsAsync(elsewhere, null, 404);
    }

    private static async Task MetricsAsync(GatewayHost gateway, string? forwarded, int status)
    {
        var client = gateway.Direct();
        client.DefaultRequestHeaders.TryAddWithoutValidation("X-Forwarded-For", forwarded is null ? [] : [forwarded]);
        using var answer = await client.GetAsync("/metrics", Cancellation);
        if (status == 404)
        {
            await Envelope.AssertAsync(answer, 404, "not_found");
            return;
        }

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private static HttpRequestMessage OverTls(string proto, string host)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/health") { Headers = { Host = host } };
        request.Headers.Add("X-Forwarded-For", "203.0.113.5");
        request.Headers.Add("X-Forwarded-Proto", proto);
        return request;
    }

    private static async Task<string?> SeenAsync(GatewayHost gateway, string forwarded)
    {
        var client = gateway.Bearer();
        client.DefaultRequestHeaders.TryAddWithoutValidation("X-Forwarded-For", forwarded);
        var got = await Echo.OfAsync(await client.GetAsync("/api/v1/devices", Cancellation));
        Assert.DoesNotContain(got.Headers.Keys, name => name.StartsWith("X-Forwarded", StringComparison.OrdinalIgnoreCase)
            || name.StartsWith("X-Original", StringComparison.OrdinalIgnoreCase));
        return got.Header(InternalIdentity.ClientIpHeader);
    }
}
