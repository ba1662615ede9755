using System.Net;
using System.Text.RegularExpressions;

namespace EasySmart.Gateway.Tests;

/// <summary>The page at <c>/docs</c>: open, complete without any other server, and allowed nothing else.</summary>
public sealed class ApiReferenceTests(GatewayHost gateway)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_page_and_its_scripts_come_from_here()
    {
        using var answer = await PageAsync();
        Assert.Equal("text/html", answer.Content.Headers.ContentType?.MediaType);
        var html = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.DoesNotContain("cdn.", html, StringComparison.Ordinal);
        var scripts = Regex.Matches(html, "src=\"([^\"]+)\"").Select(m => m.Groups[1].Value).ToList();
        Assert.NotEmpty(scripts);
        foreach (var script in scripts)
        {
            using var loaded = await gateway.Direct().GetAsync(new Uri(answer.RequestMessage!.RequestUri!, script), Cancellation);
            Assert.True(loaded.StatusCode == HttpStatusCode.OK, script);
            Assert.Equal("text/javascript", loaded.Content.Headers.ContentType?.MediaType);
        }
    }

    [Fact]
    public async Task Nothing_of_somebody_else_is_switched_on()
    {
        using var answer = await PageAsync();
        var html = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.Contains("\"withDefaultFonts\":false", html, StringComparison.Ordinal);
        Assert.Contains("\"telemetry\":false", html, StringComparison.Ordinal);
        Assert.DoesNotContain("proxy.scalar.com", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_browser_lets_it_run_its_own_scripts_and_talk_to_this_gateway_only()
    {
        using var first = await PageAsync();
        using var second = await PageAsync();
        var policy = first.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("connect-src 'self'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("http", policy, StringComparison.Ordinal);
        var nonce = Regex.Match(policy, "'nonce-([^']+)'").Groups[1].Value;
        Assert.All(Regex.Matches(await first.Content.ReadAsStringAsync(Cancellation), "<script[^>]*>"), script => Assert.Contains(nonce, script.Value, StringComparison.Ordinal));
        Assert.NotEqual(policy, second.Headers.GetValues("Content-Security-Policy").Single());
    }

    private Task<HttpResponseMessage> PageAsync() => gateway.Direct().GetAsync("/docs", Cancellation);
}
