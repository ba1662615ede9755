using System.Net;
using EasySmart.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace EasySmart.Gateway.Tests;

/// <summary>Identity's keys: read at need, kept, changed without anybody noticing, and never asked for too often.</summary>
public sealed class KeyTests
{
    private const string Somewhere = "/api/v1/devices";
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_new_key_passes_at_once_and_the_old_one_no_longer()
    {
        await using var gateway = await GatewayHost.StartAsync(_clock);
        var old = gateway.Behind.Issuer.Key;
        await PassesAsync(gateway, gateway.Behind.Issuer.Token());
        Advance(11);
        gateway.Behind.Issuer.Rotate("key-2");

        // Many at once: all pass, one read.
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => PassesAsync(gateway, gateway.Behind.Issuer.Token())));
        Assert.Equal(2, gateway.Behind.KeyReads);
        await RefusedAsync(gateway, gateway.Behind.Issuer.Token(key: old));
    }

    [Fact]
    public async Task A_withdrawn_key_stops_passing_though_nobody_names_a_new_one()
    {
        await using var gateway = await GatewayHost.StartAsync(_clock);
        var stolen = gateway.Behind.Issuer.Token();
        await PassesAsync(gateway, stolen);
        gateway.Behind.Issuer.Rotate("key-2");
        Advance(601);
        // The first one after ten minutes starts the read; it does not wait for it.
        await Eventually.TrueAsync(async () => (await gateway.Bearer(stolen).GetAsync(Somewhere, Cancellation)).StatusCode == HttpStatusCode.Unauthorized
            || Advance(61));
    }

    [Fact]
    public async Task Tokens_with_invented_keys_cost_Identity_one_read_per_interval()
    {
        await using var gateway = await GatewayHost.StartAsync(_clock, ("AccessTokens:KeyRefreshSeconds", "30"));
        await PassesAsync(gateway, gateway.Behind.Issuer.Token());
        for (var interval = 1; interval <= 3; interval++)
        {
            Advance(31);
            for (var i = 0; i < 25; i++)
            {
                await RefusedAsync(gateway, gateway.Behind.Issuer.Token(key: TokenIssuer.NewKey($"invented-{interval}-{i}")));
            }

            Assert.Equal(1 + interval, gateway.Behind.KeyReads);
        }
    }

    [Fact]
    public async Task Identity_may_go_away_once_its_keys_are_known()
    {
        await using var gateway = await GatewayHost.StartAsync(_clock);
        await PassesAsync(gateway, gateway.Behind.Issuer.Token());
        gateway.Behind.IdentityAnswers = false;
        for (var i = 0; i < 5; i++)
        {
            Advance(700);
            await PassesAsync(gateway, gateway.Behind.Issuer.Token(now: _clock.GetUtcNow()));
            await RefusedAsync(gateway, gateway.Behind.Issuer.Token(key: TokenIssuer.NewKey("other"), now: _clock.GetUtcNow()));
        }

        Assert.Equal(HttpStatusCode.OK, (await gateway.Direct().GetAsync("/health/ready", Cancellation)).StatusCode);
    }

    [Fact]
    public async Task Before_its_keys_are_known_a_token_is_503_not_401_and_the_gateway_is_not_ready()
    {
        await using var gateway = await GatewayHost.StartAsync(_clock);
        gateway.Behind.IdentityAnswers = false;
        using (var answer = await gateway.Bearer().GetAsync(Somewhere, Cancellation))
        {
            await Envelope.AssertAsync(answer, 503, "service_unavailable");
            Assert.NotNull(answer.Headers.RetryAfter);
        }

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gateway.Direct().GetAsync("/health/ready", Cancellation)).StatusCode);
        await Envelope.AssertAsync(await gateway.Direct().GetAsync(Somewhere, Cancellation), 401, "unauthorized");
        Assert.True((await gateway.Bearer().PostAsync("/api/v1/auth/login", null, Cancellation)).IsSuccessStatusCode);

        gateway.Behind.IdentityAnswers = true;
        Advance(2);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Direct().GetAsync("/health/ready", Cancellation)).StatusCode);
        await PassesAsync(gateway, gateway.Behind.Issuer.Token());
    }

    [Fact]
    public async Task A_verified_token_passes_until_it_expires_and_no_longer()
    {
        await using var gateway = await GatewayHost.StartAsync(_clock);
        var token = gateway.Behind.Issuer.Token(t => t.Expires = _clock.GetUtcNow().UtcDateTime.AddSeconds(20));
        await PassesAsync(gateway, token);
        Advance(15);
        await PassesAsync(gateway, token);
        Advance(16);
        await RefusedAsync(gateway, token);
    }

    private bool Advance(int seconds)
    {
        _clock.Advance(TimeSpan.FromSeconds(seconds));
        return false;
    }

    private static async Task PassesAsync(GatewayHost gateway, string token)
    {
        using var answer = await gateway.Bearer(token).GetAsync(Somewhere, Cancellation);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private static async Task RefusedAsync(GatewayHost gateway, string token) =>
        await Envelope.AssertAsync(await gateway.Bearer(token).GetAsync(Somewhere, Cancellation), 401, "unauthorized");
}
