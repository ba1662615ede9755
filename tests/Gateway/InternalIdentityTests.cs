using System.Net.Http.Headers;
using System.Text;
using EasySmart.ServiceDefaults.Auth;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.JsonWebTokens;

namespace EasySmart.Gateway.Tests;

/// <summary>What a service learns about a caller: what the gateway verified and signed, and nothing that the caller says itself.</summary>
public sealed class InternalIdentityTests(GatewayHost gateway)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Carries_who_the_token_names_signed_for_one_service_and_a_minute()
    {
        var got = await GetAsync(gateway.Bearer(), "/api/v1/telemetry/latest");
        var identity = await gateway.Verifier.VerifyAsync(got.Header(InternalIdentity.Header)!, Services.TelemetryQuery);
        Assert.NotNull(identity);
        Assert.Equal("user", identity.FindFirst("kind")!.Value);
        Assert.Equal("0190a000-0000-7000-8000-000000000001", identity.FindFirst("sub")!.Value);
        Assert.Equal("0190a000-0000-7000-8000-000000000002", identity.FindFirst("tenant_id")!.Value);
        Assert.Equal("ana@example.com", identity.FindFirst("email")!.Value);
        Assert.Equal("tenant_admin", identity.FindFirst("role")!.Value);
        Assert.Equal(["devices:read", "telemetry:read"], identity.FindAll("permissions").Select(c => c.Value));
        Assert.Null(await gateway.Verifier.VerifyAsync(got.Header(InternalIdentity.Header)!, Services.DeviceProvisioning));
        var token = new JsonWebToken(got.Header(InternalIdentity.Header));
        Assert.InRange(token.ValidTo - token.IssuedAt, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task A_super_admin_has_no_tenant()
    {
        var token = gateway.Behind.Issuer.Token(t =>
        {
            t.Claims.Remove("tenant_id");
            t.Claims["role"] = "super_admin";
        });
        var got = await GetAsync(gateway.Bearer(token), "/api/v1/tenants");
        var identity = await gateway.Verifier.VerifyAsync(got.Header(InternalIdentity.Header)!, Services.Identity);
        Assert.Equal("super_admin", identity!.FindFirst("role")!.Value);
        Assert.Null(identity.FindFirst("tenant_id"));
    }

    [Fact]
    public async Task Credentials_and_what_a_client_says_about_itself_do_not_pass()
    {
        using var socket = new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8 };
        using var client = new HttpClient(socket) { BaseAddress = gateway.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", gateway.Behind.Issuer.Token());
        foreach (var name in new[]
        {
            "X-EasySmart-Identity", "X-EasySmart-Client-IP", "X-EasySmart-Service-Key", "x-easysmart-hook-key", "X-EasySmart-Other",
            "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded", "X-Real-IP", "X-Original-For",
        })
        {
            client.DefaultRequestHeaders.TryAddWithoutValidation(name, "forged");
        }

        // A proxy that took this at its word would drop the identity that it has just attached.
        client.DefaultRequestHeaders.TryAddWithoutValidation("Connection", "keep-alive, X-EasySmart-Identity");
        client.DefaultRequestHeaders.TryAddWithoutValidation("User-Agent", "linha-3/1.0 São");
        client.DefaultRequestHeaders.Add("Idempotency-Key", "k-1");
        client.DefaultRequestHeaders.Add("X-Request-ID", "r-1");
        var got = await GetAsync(client, "/api/v1/devices");

        Assert.DoesNotContain(got.Headers, header => header.Value.Contains("forged"));
        Assert.Null(got.Header("Authorization"));
        Assert.NotNull(await gateway.Verifier.VerifyAsync(got.Header(InternalIdentity.Header)!, Services.DeviceProvisioning));
        Assert.Equal("127.0.0.1", got.Header(InternalIdentity.ClientIpHeader));
        Assert.Equal("linha-3/1.0 São", got.Header("User-Agent"));
        Assert.Equal(("k-1", "r-1"), (got.Header("Idempotency-Key"), got.Header("X-Request-ID")));
        Assert.NotEqual($"{gateway.Address.Host}:{gateway.Address.Port}", got.Header("Host"));
    }

    [Theory]
    [InlineData("/api/v1/auth/login", Services.Identity)]
    [InlineData("/api/v1/devices/bootstrap", Services.DeviceProvisioning)]
    public async Task On_an_open_route_everybody_is_anonymous(string path, string service)
    {
        foreach (var client in new[] { gateway.Direct(), gateway.Bearer(), gateway.Bearer("expired long ago"), gateway.As(Guid.NewGuid()) })
        {
            var got = await Echo.OfAsync(await client.PostAsync(path, null, Cancellation));
            var identity = await gateway.Verifier.VerifyAsync(got.Header(InternalIdentity.Header)!, service);
            Assert.Equal("anonymous", identity!.FindFirst("kind")!.Value);
            Assert.Null(identity.FindFirst("sub"));
            Assert.Null(got.Header("Authorization"));
        }
    }

    [Fact]
    public async Task Is_signed_once_for_each_caller_and_service_and_anew_after_half_its_life()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var own = await GatewayHost.StartAsync(clock);
        var client = own.Bearer();
        var devices = await IdentityAsync(client, "/api/v1/devices");
        var values = await IdentityAsync(client, "/api/v1/telemetry/latest");
        Assert.Equal(devices, await IdentityAsync(client, "/api/v1/devices"));
        Assert.NotEqual(devices, values);
        // Another token of the same user, with a role less: what was signed for the first is not used for it.
        var lesser = own.Bearer(own.Behind.Issuer.Token(t => t.Claims["role"] = "tenant_user"));
        Assert.NotEqual(devices, await IdentityAsync(lesser, "/api/v1/devices"));
        clock.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal(devices, await IdentityAsync(client, "/api/v1/devices"));
        clock.Advance(TimeSpan.FromSeconds(2));
        var renewed = await IdentityAsync(client, "/api/v1/devices");
        Assert.NotEqual(devices, renewed);
        Assert.NotNull(await own.Verifier.VerifyAsync(renewed, Services.DeviceProvisioning));
    }

    private static async Task<string> IdentityAsync(HttpClient client, string path) =>
        (await GetAsync(client, path)).Header(InternalIdentity.Header)!;

    private static async Task<Echo> GetAsync(HttpClient client, string path) => await Echo.OfAsync(await client.GetAsync(path, Cancellation));
}
