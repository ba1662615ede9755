using EasySmart.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.Gateway.Tests;

/// <summary>What browsers are told, whatever the answer is and whoever made it.</summary>
public sealed class SecurityHeaderTests(GatewayHost gateway)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/health", 200)]
    [InlineData("/metrics", 200)]
    [InlineData("/api/v1/devices", 200)]
    [InlineData("/api/v1/auth/login", 405)]
    [InlineData("/no/such", 404)]
    [InlineData("/__probe/bug", 500)]
    [InlineData("/__probe/outage", 503)]
    public async Task Every_answer_tells_browsers_to_do_nothing_with_it(string path, int status)
    {
        using var answer = await gateway.Bearer().GetAsync(path, Cancellation);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal("nosniff", One(answer, "X-Content-Type-Options"));
        Assert.Equal("no-referrer", One(answer, "Referrer-Policy"));
        Assert.Equal("DENY", One(answer, "X-Frame-Options"));
        Assert.Equal("default-src 'none'; frame-ancestors 'none'", One(answer, "Content-Security-Policy"));
        Assert.Contains("no-store", One(answer, "Cache-Control"), StringComparison.Ordinal);
        // The services behind, here, tell which server they are.
        Assert.False(answer.Headers.Contains("Server"));
        Assert.False(answer.Headers.Contains("Strict-Transport-Security"));
    }

    [Fact]
    public async Task An_answer_that_says_something_else_is_left_as_it_is()
    {
        await using var own = await GatewayHost.StartAsync(services => services.AddSingleton<IStartupFilter>(new Page()));
        using var answer = await own.Direct().GetAsync("/page", Cancellation);
        Assert.Equal("default-src 'self'", One(answer, "Content-Security-Policy"));
        Assert.Equal("max-age=60", One(answer, "Cache-Control"));
        Assert.Equal("nosniff", One(answer, "X-Content-Type-Options"));
    }

    private static string One(HttpResponseMessage answer, string header) => answer.Headers.GetValues(header).Single();

    private sealed class Page : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            next(app);
            var routes = (Microsoft.AspNetCore.Routing.IEndpointRouteBuilder)app.Properties["__EndpointRouteBuilder"]!;
            routes.MapGet("/page", (HttpContext context) =>
            {
                context.Response.Headers.ContentSecurityPolicy = "default-src 'self'";
                context.Response.Headers.CacheControl = "max-age=60";
                return "page";
            }).AllowAnonymous();
        };
    }
}
