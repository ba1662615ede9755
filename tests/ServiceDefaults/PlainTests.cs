using System.Net;
using System.Text.Json;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace EasySmart.ServiceDefaults.Tests;

public sealed class PlainTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_internal_identity_passes_for_sixty_seconds_and_one_service()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 2, 15, 0, 0, 0, TimeSpan.Zero));
        var identity = new InternalIdentity(new InternalIdentityOptions { Key = Convert.ToBase64String(new byte[32]) }, clock);
        var token = identity.Sign("ingestion", CallerKind.ApiKey, [new("sub", "a"), new("permissions", "x"), new("permissions", "y"), new("jti", "left behind")]);

        var known = await identity.VerifyAsync(token, "ingestion");
        Assert.Equal(["x", "y"], known!.FindAll("permissions").Select(c => c.Value));
        Assert.Equal("api_key", known.FindFirst("kind")!.Value);
        Assert.Null(known.FindFirst("jti"));
        Assert.Null(await identity.VerifyAsync(token, "identity"));
        clock.Advance(TimeSpan.FromSeconds(59));
        Assert.NotNull(await identity.VerifyAsync(token, "ingestion"));
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(await identity.VerifyAsync(token, "ingestion"));
    }

    [Fact]
    public void Json_speaks_as_the_contract()
    {
        var value = new { DeviceLabel = "a", LastSeenAt = new DateTimeOffset(2026, 2, 14, 21, 0, 0, TimeSpan.FromHours(-3)), Kind = CallerKind.ApiKey };
        Assert.Equal("""{"device_label":"a","last_seen_at":"2026-02-15T00:00:00Z","kind":"api_key"}""", JsonSerializer.Serialize(value, Json.Options));
        var precise = new DateTimeOffset(2026, 2, 15, 0, 0, 0, TimeSpan.Zero).AddMicroseconds(120);
        Assert.Equal("\"2026-02-15T00:00:00.00012Z\"", JsonSerializer.Serialize(precise, Json.Options));
    }

    [Theory]
    [InlineData("53100", true)]
    [InlineData("57P03", true)]
    [InlineData("40P01", true)]
    [InlineData("23505", false)]
    [InlineData("22P02", false)]
    public void Passing_faults_of_the_database_are_told_from_bad_data(string state, bool transient) =>
        Assert.Equal(transient, Transient.Is(new PostgresException("", "ERROR", "ERROR", state)));

    [Fact]
    public void A_bug_is_not_a_passing_fault() => Assert.False(Transient.Is(new InvalidOperationException()));

    [Fact]
    public async Task A_limit_answers_429_and_explains_itself()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration["InternalIdentity:Key"] = Convert.ToBase64String(new byte[32]);
        builder.Configuration["RateLimits:Auth:PermitLimit"] = "2";
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddServiceDefaults("limited");
        builder.AddRateLimit("Auth", new RateLimitOptions { PermitLimit = 10 }, context => context.Request.Query["who"].ToString());
        await using var app = builder.Build();
        app.UseServiceDefaults();
        app.MapGet("/limited", () => "ok").AllowAnonymous().RequireRateLimiting("Auth");
        await app.StartAsync(Cancellation);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };

        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/limited?who=a", Cancellation)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/limited?who=a", Cancellation)).StatusCode);
        using var refused = await client.GetAsync("/limited?who=a", Cancellation);
        var details = (await Envelope.AssertAsync(refused, 429, "rate_limited")).GetProperty("details");
        Assert.Equal("""{"limit":"auth","max":2,"used":2,"window_seconds":60}""", details.GetRawText());
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/limited?who=b", Cancellation)).StatusCode);
    }

    [Fact]
    public void A_limit_out_of_range_is_refused_at_start()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration["RateLimits:Auth:PermitLimit"] = "0";
        Assert.Contains("PermitLimit", Assert.ThrowsAny<Exception>(() => builder.AddRateLimit("Auth", new RateLimitOptions { PermitLimit = 10 }, _ => "")).Message, StringComparison.Ordinal);
    }
}
