using System.Diagnostics;
using System.Net;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;
using Microsoft.Extensions.Time.Testing;

namespace EasySmart.Gateway.Tests;

/// <summary>Live streams: what passes, how long, and what ends them.</summary>
public sealed class StreamTests(GatewayHost gateway)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Headers_come_before_the_first_event_and_each_event_at_once()
    {
        using var stream = await LiveStream.OpenAsync(gateway, gateway.Bearer());
        Assert.True(stream.Headers.CacheControl?.NoStore);
        Assert.Equal("no", stream.Headers.GetValues("X-Accel-Buffering").Single());
        foreach (var text in new[] { "one", "two" })
        {
            stream.Send(text);
            Assert.Equal(text, await stream.ReadAsync());
        }
    }

    // The service pings every 15 s and may be silent for 30; here all is shorter.
    [Fact]
    public async Task It_lasts_longer_than_any_time_out_while_the_service_says_something()
    {
        await using var own = await GatewayHost.StartAsync(settings: [("Forwarding:TimeoutSeconds", "3"), ("Forwarding:AnswerSeconds", "1")]);
        using var stream = await LiveStream.OpenAsync(own, own.Bearer());
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        var opened = Stopwatch.StartNew();
        while (opened.Elapsed < TimeSpan.FromSeconds(5))
        {
            await timer.WaitForNextTickAsync(Cancellation);
            await stream.GoesOnAsync();
        }
    }

    [Fact]
    public async Task It_ends_when_the_service_falls_silent()
    {
        await using var own = await GatewayHost.StartAsync(settings: ("Forwarding:TimeoutSeconds", "1"));
        using var stream = await LiveStream.OpenAsync(own, own.Bearer());
        await stream.EndsAsync();
    }

    [Theory]
    [InlineData("sub")]
    [InlineData("tenant_id")]
    [InlineData("sid")]
    public async Task It_ends_when_its_user_tenant_or_session_is_taken_back_and_others_go_on(string claim)
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var own = await GatewayHost.StartAsync(clock);
        var revoked = Guid.NewGuid();
        using var theirs = await LiveStream.OpenAsync(own, own.Bearer(own.Behind.Issuer.Token(t => t.Claims[claim] = revoked.ToString())));
        using var others = await LiveStream.OpenAsync(own, own.Bearer());
        own.Behind.Revoked.Enqueue(revoked);
        await theirs.EndsAsync(() => clock.Advance(TimeSpan.FromSeconds(2)));
        await others.GoesOnAsync();
    }

    [Fact]
    public async Task It_ends_when_its_API_key_is_taken_back()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var own = await GatewayHost.StartAsync(clock);
        var key = own.Behind.Keys.Make(Guid.NewGuid(), "telemetry:read");
        using var stream = await LiveStream.OpenAsync(own, own.Bearer(key.Text));
        own.Behind.Revoked.Enqueue(key.Id);
        await stream.EndsAsync(() => clock.Advance(TimeSpan.FromSeconds(2)));
    }

    [Fact]
    public async Task It_ends_when_its_token_or_key_expires_and_others_go_on()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var own = await GatewayHost.StartAsync(clock);
        var (start, soon) = (clock.GetUtcNow(), clock.GetUtcNow().AddMinutes(5));
        var key = new FakeKey(FakeKeys.NewText(), Guid.NewGuid(), Guid.NewGuid(), ["telemetry:read"], soon);
        own.Behind.Keys.Put(key);
        using var ofToken = await LiveStream.OpenAsync(own, own.Bearer(own.Behind.Issuer.Token(t => t.Expires = soon.UtcDateTime, now: start)));
        using var ofKey = await LiveStream.OpenAsync(own, own.Bearer(key.Text));
        using var longer = await LiveStream.OpenAsync(own, own.Bearer(own.Behind.Issuer.Token(now: start)));
        using var endless = await LiveStream.OpenAsync(own, own.Bearer(own.Behind.Keys.Make(Guid.NewGuid(), "telemetry:read").Text));
        clock.Advance(TimeSpan.FromMinutes(4));
        await ofToken.GoesOnAsync();
        await ofKey.GoesOnAsync();
        clock.Advance(TimeSpan.FromMinutes(2));
        await ofToken.EndsAsync();
        await ofKey.EndsAsync();
        await longer.GoesOnAsync();
        await endless.GoesOnAsync();
    }

    [Fact]
    public async Task An_answer_that_is_no_stream_is_finished_whatever_becomes_of_its_caller()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var own = await GatewayHost.StartAsync(clock);
        var revoked = Guid.NewGuid();
        var client = own.Bearer(own.Behind.Issuer.Token(t => t.Claims["sub"] = revoked.ToString()));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/telemetry/export") { Headers = { { "X-Behave", "large" } } };
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        own.Behind.Revoked.Enqueue(revoked);
        await Eventually.TrueAsync(async () =>
        {
            clock.Advance(TimeSpan.FromSeconds(2));
            using var next = await client.GetAsync("/api/v1/devices", Cancellation);
            return next.StatusCode == HttpStatusCode.Unauthorized;
        });
        Assert.Equal(64 << 20, (await answer.Content.ReadAsByteArrayAsync(Cancellation)).Length);
    }

    [Fact]
    public async Task The_service_learns_when_the_credential_expires()
    {
        var expires = DateTimeOffset.FromUnixTimeSeconds(DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 600);
        var token = gateway.Behind.Issuer.Token(t => (t.Expires, t.Claims["rv"]) = (expires.UtcDateTime, 7));
        using var answer = await gateway.Bearer(token).GetAsync(LiveStream.Path, Cancellation);
        var got = await Echo.OfAsync(answer);
        var identity = await gateway.Verifier.VerifyAsync(got.Header(InternalIdentity.Header)!, Services.TelemetryQuery);
        Assert.Equal($"{expires.ToUnixTimeSeconds()}", identity!.FindFirst("credential_exp")!.Value);
        Assert.Equal("7", identity.FindFirst("rv")!.Value);
    }
}
