using System.Net.Http.Json;
using EasySmart.Hosting;

namespace EasySmart.Gateway.Tests;

/// <summary>Every route reaches its service, under both prefixes, and nothing else reaches anything.</summary>
public sealed class RouteTests(GatewayHost gateway)
{
    private const string Id = "0190a000-0000-7000-8000-00000000000a";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string, string> Calls => new()
    {
        { "POST", "/auth/register", Services.Identity },
        { "POST", "/auth/login", Services.Identity },
        { "POST", "/auth/refresh", Services.Identity },
        { "GET", "/auth/me", Services.Identity },
        { "GET", "/users", Services.Identity },
        { "DELETE", $"/users/{Id}", Services.Identity },
        { "POST", "/api-keys", Services.Identity },
        { "GET", "/audit?type=device.claimed&limit=5", Services.Identity },
        { "GET", "/tenants", Services.Identity },
        { "GET", $"/tenants/{Id}", Services.Identity },
        { "GET", $"/tenants/{Id}/quotas", Services.BillingQuota },
        { "PATCH", $"/tenants/{Id}/quotas", Services.BillingQuota },
        { "GET", $"/tenants/{Id}/usage", Services.BillingQuota },
        { "GET", "/tenants/me/usage", Services.BillingQuota },
        { "GET", "/tenants/me/limits", Services.BillingQuota },
        { "GET", $"/tenants/{Id}/limits", Services.Identity },
        { "POST", "/devices/provision", Services.DeviceProvisioning },
        { "GET", "/devices", Services.DeviceProvisioning },
        { "GET", "/devices/provision", Services.DeviceProvisioning },
        { "GET", $"/devices/{Id}", Services.DeviceProvisioning },
        { "PATCH", $"/devices/{Id}", Services.DeviceProvisioning },
        { "DELETE", $"/devices/{Id}", Services.DeviceProvisioning },
        { "POST", $"/devices/{Id}/suspend", Services.DeviceProvisioning },
        { "POST", $"/devices/{Id}/credentials/rotate", Services.DeviceProvisioning },
        { "POST", "/devices/claim", Services.DeviceProvisioning },
        { "POST", "/devices/bootstrap", Services.DeviceProvisioning },
        { "POST", "/devices/secret", Services.DeviceProvisioning },
        { "POST", "/devices/credentials/rotate", Services.DeviceProvisioning },
        { "POST", "/devices/import?reissue_claim_codes=true", Services.DeviceProvisioning },
        { "POST", "/devices/reset", Services.DeviceProvisioning },
        { "GET", $"/devices/{Id}/limits", Services.Ingestion },
        { "POST", "/telemetry?on_limit=record", Services.Ingestion },
        { "POST", "/telemetry/batch", Services.Ingestion },
        { "GET", "/telemetry/rejections", Services.Ingestion },
        { "POST", "/telemetry/stream/tickets", Services.Identity },
        { "GET", "/telemetry/stream?device_ids=a%2Cb&last_event_id=17", Services.TelemetryQuery },
        { "GET", $"/telemetry/latest?slot=1&device_id={Id}", Services.TelemetryQuery },
        { "GET", "/telemetry/limits", Services.TelemetryQuery },
        { "GET", "/telemetry/slots?device_label=caldeira%201%2B%C3%A7", Services.TelemetryQuery },
    };

    [Theory, MemberData(nameof(Calls))]
    public async Task A_call_reaches_its_service_without_the_prefix(string method, string path, string service)
    {
        foreach (var prefix in new[] { "/api/v1", "/api" })
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), prefix + path);
            if (method is "POST" or "PATCH")
            {
                request.Content = JsonContent.Create(new { a = 1 });
            }

            using var answer = await gateway.Bearer().SendAsync(request, Cancellation);
            var got = await Echo.OfAsync(answer);
            Assert.Equal((service, method, path), (got.Service, got.Method, got.Target));
            Assert.Equal(method is "POST" or "PATCH" ? "{\"a\":1}" : "", got.Body);
            Assert.Equal(prefix == "/api", answer.Headers.Contains("Deprecation"));
        }
    }

    [Fact]
    public async Task All_but_eight_need_a_token()
    {
        string[] open =
        [
            "/auth/register", "/auth/login", "/auth/refresh", "/auth/invitations/accept", "/auth/password/reset", "/devices/bootstrap", "/devices/secret",
            "/devices/credentials/rotate",
        ];
        Assert.Equal(open, Routes.All.Where(r => r.OpenTo is not null).Select(r => r.Path));
        foreach (var route in Routes.All)
        {
            var path = "/api/v1" + route.Path.Replace("{**rest}", "x", StringComparison.Ordinal).Replace("{", "", StringComparison.Ordinal)
                .Replace("}", "", StringComparison.Ordinal);
            using var answer = await gateway.Direct().PostAsync(path, null, Cancellation);
            if (route.OpenTo is not null)
            {
                Assert.Equal(route.Service, (await Echo.OfAsync(answer)).Service);
                continue;
            }

            await Envelope.AssertAsync(answer, 401, "unauthorized");
            Assert.Equal("Bearer", answer.Headers.WwwAuthenticate.Single().ToString());
        }
    }

    [Theory]
    [InlineData("/api/v1/internal/mqtt/authenticate")]
    [InlineData("/api/internal/quotas")]
    [InlineData("/internal/mqtt/authenticate")]
    [InlineData("/api/v1/.well-known/jwks.json")]
    [InlineData("/.well-known/jwks.json")]
    [InlineData("/api/v1/metrics")]
    [InlineData("/api/v1/openapi/v1.json")]
    [InlineData("/api/v1/health/ready")]
    [InlineData("/api/v1")]
    [InlineData("/api")]
    [InlineData("/api/v1/devicesx")]
    [InlineData("/apix/v1/devices")]
    [InlineData("/devices")]
    public async Task What_is_not_in_the_table_is_404_for_everybody(string path)
    {
        await Envelope.AssertAsync(await gateway.Direct().GetAsync(path, Cancellation), 404, "not_found");
        await Envelope.AssertAsync(await gateway.Bearer().GetAsync(path, Cancellation), 404, "not_found");
    }

    [Theory]
    [InlineData("TRACE", "/api/v1/devices")]
    [InlineData("TRACE", "/api/v1/auth/login")]
    [InlineData("OPTIONS", "/api/v1/devices/x")]
    [InlineData("PROPFIND", "/api/v1/telemetry")]
    public async Task A_method_that_no_route_has_is_405_and_no_service_is_asked(string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var answer = await gateway.Bearer().SendAsync(request, Cancellation);
        await Envelope.AssertAsync(answer, 405, "method_not_allowed");
        Assert.Contains("POST", answer.Content.Headers.Allow);
    }

    [Theory]
    [InlineData("/api/v1/auth/login")]
    [InlineData("/api/devices/secret")]
    public async Task Another_method_on_an_open_route_is_405_and_no_service_is_asked(string path)
    {
        using var answer = await gateway.Direct().GetAsync(path, Cancellation);
        await Envelope.AssertAsync(answer, 405, "method_not_allowed");
        Assert.Equal(["POST"], answer.Content.Headers.Allow);
    }
}
