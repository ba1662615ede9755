using System.Net;
using System.Security.Claims;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.Gateway.Tests;

/// <summary>Limits for addresses, for wrong credentials, for users and for keys: what counts, who shares, and who does not suffer.</summary>
public sealed class LimitTests
{
    private const string Somewhere = "/api/v1/devices";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_address_has_one_limit_for_everything_but_probes()
    {
        await using var gateway = await StartAsync(("RateLimits:Address:PermitLimit", "3"));
        await PassesAsync(gateway.Bearer());
        await Envelope.AssertAsync(await gateway.Direct().GetAsync(Somewhere, Cancellation), 401, "unauthorized");
        await Envelope.AssertAsync(await gateway.Direct().GetAsync("/api/no/such", Cancellation), 404, "not_found");
        // Before authentication: who is asking makes no difference.
        await RefusedAsync(gateway.Bearer(), "address", 3);
        await RefusedAsync(gateway.Direct(), "address", 3);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Direct().GetAsync("/health/ready", Cancellation)).StatusCode);
        await PassesAsync(From(gateway.Bearer(), "203.0.113.9"));
    }

    [Fact]
    public async Task A_whole_IPv6_64_is_one_address()
    {
        await using var gateway = await StartAsync(("RateLimits:Address:PermitLimit", "2"));
        await PassesAsync(From(gateway.Bearer(), "2001:db8:0:1::a"));
        await PassesAsync(From(gateway.Bearer(), "2001:db8:0:1:ffff::b"));
        await RefusedAsync(From(gateway.Bearer(), "2001:db8:0:1:1234:5678:9abc:def0"), "address", 2);
        await PassesAsync(From(gateway.Bearer(), "2001:db8:0:2::a"));
        // Written as IPv6, it is still one IPv4 address, and its neighbour another.
        await PassesAsync(From(gateway.Bearer(), "::ffff:198.51.100.1"));
        await PassesAsync(From(gateway.Bearer(), "198.51.100.1"));
        await RefusedAsync(From(gateway.Bearer(), "198.51.100.1"), "address", 2);
        await PassesAsync(From(gateway.Bearer(), "198.51.100.2"));
    }

    [Fact]
    public async Task The_broker_s_network_can_be_exempt()
    {
        await using var gateway = await StartAsync(("RateLimits:Address:PermitLimit", "1"), ("RateLimits:Address:Exempt:0", "10.1.0.0/16"));
        for (var i = 0; i < 5; i++)
        {
            await PassesAsync(From(gateway.Bearer(), "10.1.2.3"));
        }

        await PassesAsync(From(gateway.Bearer(), "10.2.0.1"));
        await RefusedAsync(From(gateway.Bearer(), "10.2.0.1"), "address", 1);
    }

    [Fact]
    public async Task Wrong_credentials_are_used_up_and_lock_no_neighbour_out()
    {
        await using var gateway = await StartAsync(("RateLimits:FailedAuthentications:PermitLimit", "2"));
        var neighbour = gateway.Bearer();
        await PassesAsync(neighbour);
        for (var i = 0; i < 5; i++)
        {
            // No credential is no wrong credential.
            await Envelope.AssertAsync(await gateway.Direct().GetAsync(Somewhere, Cancellation), 401, "unauthorized");
        }

        await Envelope.AssertAsync(await gateway.Bearer("wrong").GetAsync(Somewhere, Cancellation), 401, "unauthorized");
        await Envelope.AssertAsync(await gateway.Bearer("wrong too").GetAsync(Somewhere, Cancellation), 401, "unauthorized");
        await RefusedAsync(gateway.Bearer("wrong again"), "failed_authentications", 2);
        // Even a good one: the next guess could be right.
        await RefusedAsync(gateway.Bearer(), "failed_authentications", 2);
        await PassesAsync(neighbour);
        Assert.True((await gateway.Direct().PostAsync("/api/v1/auth/login", null, Cancellation)).IsSuccessStatusCode);
        await PassesAsync(From(gateway.Bearer(), "203.0.113.9"));
    }

    [Fact]
    public async Task Each_user_has_a_limit_wherever_it_comes_from()
    {
        await using var gateway = await StartAsync(("RateLimits:User:PermitLimit", "2"));
        await PassesAsync(gateway.Bearer());
        await PassesAsync(From(gateway.Bearer(), "203.0.113.9"));
        await RefusedAsync(gateway.Bearer(), "user", 2);
        await PassesAsync(gateway.Bearer(gateway.Behind.Issuer.Token(t => t.Claims["sub"] = Guid.NewGuid().ToString())));
        await Envelope.AssertAsync(await gateway.Direct().GetAsync(Somewhere, Cancellation), 401, "unauthorized");
    }

    [Theory]
    [InlineData(true, "api_key")]
    [InlineData(false, null)]
    public async Task An_API_key_has_its_own_limit_and_a_platform_wide_one_none(bool ofTenant, string? limit)
    {
        var tenant = ofTenant ? new Claim[] { new("tenant_id", Guid.NewGuid().ToString()) } : [];
        var key = new Principal(CallerKind.ApiKey, new ClaimsIdentity([new("sub", Guid.NewGuid().ToString()), .. tenant], "key"), DateTimeOffset.MaxValue);
        await using var gateway = await GatewayHost.StartAsync(
            services => services.AddSingleton<IStartupFilter>(new Everybody(key)),
            settings: [("RateLimits:ApiKey:PermitLimit", "2"), ("RateLimits:User:PermitLimit", "1")]);
        await PassesAsync(gateway.Direct());
        await PassesAsync(gateway.Direct());
        if (limit is not null)
        {
            await RefusedAsync(gateway.Direct(), limit, 2);
            return;
        }

        await PassesAsync(gateway.Direct());
    }

    private static Task<GatewayHost> StartAsync(params (string, string?)[] settings) =>
        GatewayHost.StartAsync(settings: [.. settings, ("TrustedProxies:0", "127.0.0.0/8")]);

    private static HttpClient From(HttpClient client, string address)
    {
        client.DefaultRequestHeaders.Add("X-Forwarded-For", address);
        return client;
    }

    private static async Task PassesAsync(HttpClient client)
    {
        using var answer = await client.GetAsync(Somewhere, Cancellation);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private static async Task RefusedAsync(HttpClient client, string limit, int max)
    {
        using var answer = await client.GetAsync(Somewhere, Cancellation);
        var details = (await Envelope.AssertAsync(answer, 429, "rate_limited")).GetProperty("details");
        Assert.Equal($$"""{"limit":"{{limit}}","max":{{max}},"used":{{max}},"window_seconds":60}""", details.GetRawText());
        Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
    }

    private sealed class Everybody(ClaimsPrincipal principal) : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((context, rest) =>
            {
                context.User = principal;
                return rest(context);
            });
            next(app);
        };
    }
}
