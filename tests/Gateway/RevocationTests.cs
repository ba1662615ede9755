using EasySmart.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace EasySmart.Gateway.Tests;

/// <summary>What Identity takes back stops passing here; each test has a gateway of its own, since what is revoked stays so.</summary>
public sealed class RevocationTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sub")]
    [InlineData("tenant_id")]
    [InlineData("sid")]
    public async Task A_token_passes_until_its_user_tenant_or_session_is_taken_back(string claim)
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var gateway = await GatewayHost.StartAsync(clock);
        var revoked = Guid.NewGuid();
        var issuer = gateway.Behind.Issuer;
        var theirs = gateway.Bearer(issuer.Token(t => t.Claims[claim] = revoked.ToString()));
        var others = gateway.Bearer();
        Assert.Equal((200, 200), (await StatusAsync(theirs), await StatusAsync(others)));

        gateway.Behind.Revoked.Enqueue(revoked);
        await RefusedAsync(theirs, clock);
        Assert.Equal(200, await StatusAsync(others));
        using var answer = await theirs.GetAsync("/api/v1/devices", Cancellation);
        await Envelope.AssertAsync(answer, 401, "unauthorized");
        Assert.Equal("Bearer error=\"invalid_token\"", answer.Headers.WwwAuthenticate.Single().ToString());

        // What was issued since then carries the newer version, and passes.
        Assert.Equal(200, await StatusAsync(gateway.Bearer(issuer.Token(t => (t.Claims[claim], t.Claims["rv"]) = (revoked.ToString(), 1)))));
    }

    [Fact]
    public async Task While_Identity_is_away_what_is_known_goes_on_holding_and_is_caught_up_with()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var gateway = await GatewayHost.StartAsync(clock);
        var (before, during) = (Guid.NewGuid(), Guid.NewGuid());
        var (first, second) = (Of(before), Of(during));
        gateway.Behind.Revoked.Enqueue(before);
        await RefusedAsync(first, clock);

        gateway.Behind.IdentityAnswers = false;
        gateway.Behind.Revoked.Enqueue(during);
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal((401, 200), (await StatusAsync(first), await StatusAsync(second)));
        gateway.Behind.IdentityAnswers = true;
        await RefusedAsync(second, clock);

        HttpClient Of(Guid user) => gateway.Bearer(gateway.Behind.Issuer.Token(t => t.Claims["sub"] = user.ToString(), now: clock.GetUtcNow()));
    }

    [Fact]
    public async Task When_Identitys_database_was_set_back_the_feed_is_read_anew()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var gateway = await GatewayHost.StartAsync(clock);
        var (before, after) = (Guid.NewGuid(), Guid.NewGuid());
        var (first, second) = (Of(before), Of(after));
        foreach (var revoked in new[] { Guid.NewGuid(), Guid.NewGuid(), before })
        {
            gateway.Behind.Revoked.Enqueue(revoked);
        }

        await RefusedAsync(first, clock);
        gateway.Behind.Revoked.Clear();
        gateway.Behind.Revoked.Enqueue(after);
        await RefusedAsync(second, clock);
        // The restored users and sessions are what they were: who is active there is so here.
        Assert.Equal(200, await StatusAsync(first));

        HttpClient Of(Guid user) => gateway.Bearer(gateway.Behind.Issuer.Token(t => t.Claims["sub"] = user.ToString()));
    }

    [Fact]
    public async Task Before_the_feed_was_read_nobody_can_tell_and_it_is_not_ready()
    {
        await using var gateway = await GatewayHost.StartAsync(settings: ("Internal:ServiceKey", "not the one that Identity wants, but long enough"));
        await Envelope.AssertAsync(await gateway.Bearer().GetAsync("/api/v1/devices", Cancellation), 503, "service_unavailable");
        Assert.Equal(503, (int)(await gateway.Direct().GetAsync("/health/ready", Cancellation)).StatusCode);
    }

    // The feed is read every 2 s of the gateway's clock.
    private static Task RefusedAsync(HttpClient client, FakeTimeProvider clock) => Eventually.TrueAsync(async () =>
    {
        clock.Advance(TimeSpan.FromSeconds(2));
        return await StatusAsync(client) == 401;
    });

    private static async Task<int> StatusAsync(HttpClient client)
    {
        using var answer = await client.GetAsync("/api/v1/devices", Cancellation);
        return (int)answer.StatusCode;
    }
}
