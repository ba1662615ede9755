using System.Net;
using System.Net.Http.Headers;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;
using Microsoft.Extensions.Time.Testing;

namespace EasySmart.Gateway.Tests;

/// <summary>API keys end at the gateway as access tokens do; Identity is asked, and not for each request.</summary>
public sealed class ApiKeyTests
{
    private const string Somewhere = "/api/v1/telemetry/latest";
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_service_learns_the_keys_id_tenant_and_scopes_and_not_the_key()
    {
        await using var gateway = await GatewayHost.StartAsync(_clock);
        var tenant = Guid.NewGuid();
        var key = gateway.Behind.Keys.Make(tenant, "telemetry:read", "devices:read");
        var got = await Echo.OfAsync(await GetAsync(gateway, key.Text));
        Assert.DoesNotContain(got.Headers.Values.SelectMany(v => v), v => v!.Contains(key.Text[4..], StringComparison.Ordinal));
        var identity = await gateway.Verifier.VerifyAsync(got.Header(InternalIdentity.Header)!, Services.TelemetryQuery);
        Assert.Equal("api_key", identity!.FindFirst("kind")!.Value);
        Assert.Equal(key.Id.ToString(), identity.FindFirst("sub")!.Value);
        Assert.Equal(tenant.ToString(), identity.FindFirst("tenant_id")!.Value);
        Assert.Equal(["telemetry:read", "devices:read"], identity.FindAll("permissions").Select(c => c.Value));
        Assert.Null(identity.FindFirst("role"));

        var wide = await Echo.OfAsync(await GetAsync(gateway, gateway.Behind.Keys.Make(null, "telemetry:read").Text));
        Assert.Null((await gateway.Verifier.VerifyAsync(wide.Header(InternalIdentity.Header)!, Services.TelemetryQuery))!.FindFirst("tenant_id"));
        Assert.All(gateway.Behind.Keys.Asked, asked => Assert.Equal("127.0.0.1", asked.Address));
    }

    [Fact]
    public async Task A_good_key_is_asked_about_once_in_30_seconds_also_by_many_at_once()
    {
        await using var gateway = await GatewayHost.StartAsync(_clock);
        var key = gateway.Behind.Keys.Make(Guid.NewGuid(), "telemetry:read");
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => GetAsync(gateway, key.Text)));
        Assert.All(answers, a => Assert.Equal(HttpStatusCode.OK, a.StatusCode));
        Assert.Single(gateway.Behind.Keys.Asked);
        _clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(gateway, key.Text)).StatusCode);
        Assert.Equal(2, gateway.Behind.Keys.Asked.Count);
    }

    [Fact]
    public async Task A_key_stops_at_its_expiry_though_it_was_good_a_moment_ago()
    {
        await using var gateway = await GatewayHost.StartAsync(_clock);
        var key = gateway.Behind.Keys.Make(Guid.NewGuid(), "telemetry:read") with { ExpiresAt = _clock.GetUtcNow().AddSeconds(10) };
        gateway.Behind.Keys.Put(key);
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(gateway, key.Text)).StatusCode);
        _clock.Advance(TimeSpan.FromSeconds(10));
        gateway.Behind.Keys.Take(key);
        await Envelope.AssertAsync(await GetAsync(gateway, key.Text), 401, "unauthorized");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_the_feed_takes_back_stops_at_once_key_or_tenant(bool byKey)
    {
        await using var gateway = await GatewayHost.StartAsync(_clock);
        var tenant = Guid.NewGuid();
        var key = gateway.Behind.Keys.Make(tenant, "telemetry:read");
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(gateway, key.Text)).StatusCode);

        gateway.Behind.Keys.Take(key);
        gateway.Behind.Revoked.Enqueue(byKey ? key.Id : tenant);
        await Eventually.TrueAsync(async () =>
        {
            _clock.Advance(TimeSpan.FromSeconds(2));
            return (await GetAsync(gateway, key.Text)).StatusCode == HttpStatusCode.Unauthorized;
        });

        // A tenant that comes back brings its keys along, without waiting for anything that was remembered.
        gateway.Behind.Keys.Put(key with { Rv = gateway.Behind.Revoked.Count });
        _clock.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(gateway, key.Text)).StatusCode);
    }

    [Fact]
    public async Task While_Identity_is_away_a_known_key_passes_for_its_30_seconds_and_then_nobody_can_tell()
    {
        await using var gateway = await GatewayHost.StartAsync(_clock);
        var key = gateway.Behind.Keys.Make(Guid.NewGuid(), "telemetry:read");
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(gateway, key.Text)).StatusCode);
        gateway.Behind.IdentityAnswers = false;
        _clock.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(gateway, key.Text)).StatusCode);
        _clock.Advance(TimeSpan.FromSeconds(11));
        using var away = await GetAsync(gateway, key.Text);
        await Envelope.AssertAsync(away, 503, "service_unavailable");
        Assert.NotNull(away.Headers.RetryAfter);
        gateway.Behind.IdentityAnswers = true;
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(gateway, key.Text)).StatusCode);
    }

    [Theory]
    [InlineData("esk_")]
    [InlineData("esk_short")]
    [InlineData("esk_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.")]
    [InlineData("esk_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")]
    public async Task What_cannot_be_a_key_is_401_without_a_question(string key)
    {
        await using var gateway = await GatewayHost.StartAsync(_clock);
        using var answer = await GetAsync(gateway, key);
        await Envelope.AssertAsync(answer, 401, "unauthorized");
        Assert.StartsWith("Bearer", answer.Headers.WwwAuthenticate.Single().ToString(), StringComparison.Ordinal);
        Assert.Empty(gateway.Behind.Keys.Asked);
    }

    [Fact]
    public async Task Invented_keys_reach_Identity_a_few_times_and_shut_no_good_key_out()
    {
        await using var gateway = await GatewayHost.StartAsync(_clock, ("RateLimits:UnknownApiKeys:PermitLimit", "5"));
        var good = gateway.Behind.Keys.Make(Guid.NewGuid(), "telemetry:read");
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(gateway, good.Text)).StatusCode);

        var invented = FakeKeys.NewText();
        await Envelope.AssertAsync(await GetAsync(gateway, invented), 401, "unauthorized");
        await Envelope.AssertAsync(await GetAsync(gateway, invented), 401, "unauthorized");
        Assert.Equal(2, gateway.Behind.Keys.Asked.Count);

        for (var i = 0; i < 4; i++)
        {
            await Envelope.AssertAsync(await GetAsync(gateway, FakeKeys.NewText()), 401, "unauthorized");
        }

        for (var i = 0; i < 20; i++)
        {
            using var refused = await GetAsync(gateway, FakeKeys.NewText());
            var envelope = await Envelope.AssertAsync(refused, 429, "rate_limited");
            Assert.Equal("unknown_api_keys", envelope.GetProperty("details").GetProperty("limit").GetString());
            Assert.NotNull(refused.Headers.RetryAfter);
        }

        Assert.Equal(6, gateway.Behind.Keys.Asked.Count);
        _clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(gateway, good.Text)).StatusCode);
    }

    private static async Task<HttpResponseMessage> GetAsync(GatewayHost gateway, string key)
    {
        using var client = gateway.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return await client.GetAsync(Somewhere, Cancellation);
    }
}
