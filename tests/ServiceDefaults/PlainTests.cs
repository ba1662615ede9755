using System.Net;
using System.Text.Json;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
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
    [InlineData("{\"a\": \"\u00e9\"}", true)]
    [InlineData("{\"a\": 1, \"a\": 2}", false)]
    [InlineData("{\"a\": \"b\u00ff\"}", false)]
    [InlineData("\"\u00e2\u0082\"", false)]
    public void Any_JSON_that_passes_through_is_UTF8_with_no_doubled_names(string latin1, bool passes)
    {
        // Bytes above 127 stand for themselves, but for the one that is written as UTF-8 would.
        var bytes = passes ? System.Text.Encoding.UTF8.GetBytes(latin1) : System.Text.Encoding.Latin1.GetBytes(latin1);
        var read = Record.Exception(() => JsonSerializer.Deserialize<JsonElement?>(bytes, Json.Options));
        Assert.True(passes ? read is null : read is JsonException, read?.ToString());
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

    [Theory]
    [InlineData("RateLimits:Auth:PermitLimit", "0")]
    [InlineData("RateLimits:Auth:WindowSeconds", "0")]
    public void A_limit_out_of_range_is_refused_by_its_name(string key, string value)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create(key, (string?)value)]).Build();
        var failure = Assert.Throws<InvalidOperationException>(() => RateLimits.Read(configuration, "Auth", new RateLimitOptions { PermitLimit = 10 }));
        Assert.Contains(key, failure.Message, StringComparison.Ordinal);
    }
}
