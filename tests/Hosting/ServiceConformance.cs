using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.Hosting;

/// <summary>What every service answers alike. A test project derives it once, over its own host.</summary>
public abstract class ServiceConformance(IServiceHost host)
{
    private static readonly Guid Tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private HttpClient Known => host.As(Tenant);

    [Theory]
    [InlineData("/health")]
    [InlineData("/health/live")]
    public async Task Health_says_ok_with_a_utc_timestamp(string path)
    {
        var body = await host.Direct().GetFromJsonAsync<JsonElement>(path, Cancellation);
        Assert.Equal("ok", body.GetProperty("status").GetString());
        Assert.EndsWith("Z", body.GetProperty("timestamp").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ready_names_its_checks()
    {
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await host.Direct().GetAsync("/health/ready", Cancellation);
            var body = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
            return answer.StatusCode == HttpStatusCode.OK
                && body.GetProperty("status").GetString() == "ok"
                && body.GetProperty("checks").EnumerateObject().All(check => check.Value.GetString() == "ok")
                && body.TryGetProperty("timestamp", out _);
        });
    }

    [Fact]
    public async Task Metrics_are_Prometheus_text()
    {
        using var answer = await host.Direct().GetAsync("/metrics", Cancellation);
        Assert.Equal("text/plain", answer.Content.Headers.ContentType?.MediaType);
        Assert.Contains("dotnet_process_memory_working_set", await answer.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_id_is_kept_or_made()
    {
        var client = host.Direct();
        client.DefaultRequestHeaders.Add("X-Request-ID", "plant-7/line 3".Replace(' ', '-'));
        using (var kept = await client.GetAsync("/health", Cancellation))
        {
            Assert.Equal("plant-7/line-3", kept.Headers.GetValues("X-Request-ID").Single());
        }

        using var made = await host.Direct().GetAsync("/health", Cancellation);
        Assert.True(Guid.TryParse(made.Headers.GetValues("X-Request-ID").Single(), out _));

        var odd = host.Direct();
        odd.DefaultRequestHeaders.Add("X-Request-ID", new string('x', 129));
        using var replaced = await odd.GetAsync("/health", Cancellation);
        Assert.True(Guid.TryParse(replaced.Headers.GetValues("X-Request-ID").Single(), out _));
    }

    [Fact]
    public virtual async Task Without_the_gateway_nobody_is_known()
    {
        var wrongKey = new InternalIdentity(new InternalIdentityOptions { Key = Convert.ToBase64String(Enumerable.Repeat((byte)1, 32).ToArray()) }, TimeProvider.System);
        var rightKey = new InternalIdentity(new InternalIdentityOptions { Key = Convert.ToBase64String(new byte[32]) }, TimeProvider.System);
        foreach (var client in new[]
        {
            host.Direct(),
            host.With("forged"),
            host.With(wrongKey.Sign(host.Service, CallerKind.User, [])),
            host.With(rightKey.Sign("another-service", CallerKind.User, [])),
            host.Anonymous(),
        })
        {
            await Envelope.AssertAsync(await client.PostAsJsonAsync(ProbeEndpoints.Body, new { }, Cancellation), 401, "unauthorized");
        }
    }

    [Fact]
    public async Task An_unknown_route_is_404() =>
        await Envelope.AssertAsync(await Known.GetAsync("/no/such/route", Cancellation), 404, "not_found");

    [Fact]
    public async Task A_wrong_method_is_405_with_Allow()
    {
        using var answer = await Known.DeleteAsync(ProbeEndpoints.Body, Cancellation);
        await Envelope.AssertAsync(answer, 405, "method_not_allowed");
        Assert.Contains("POST", answer.Content.Headers.Allow);
    }

    [Theory]
    [InlineData("{\"device_label\":", null)]
    [InlineData("{\"count\": \"many\"}", "count")]
    [InlineData("{\"id\": \"not-a-uuid\"}", "id")]
    [InlineData("{\"count\": 1, \"count\": 2}", null)]
    [InlineData("", null)]
    public async Task Malformed_JSON_is_400_and_names_the_field(string body, string? field)
    {
        using var answer = await Known.PostAsync(ProbeEndpoints.Body, new StringContent(body, Encoding.UTF8, "application/json"), Cancellation);
        var envelope = await Envelope.AssertAsync(answer, 400, "bad_request");
        if (field is not null)
        {
            Assert.True(envelope.GetProperty("details").TryGetProperty(field, out _), envelope.ToString());
        }
    }

    [Fact]
    public async Task A_body_too_large_is_413()
    {
        using var content = new ByteArrayContent(new byte[(1 << 20) + 1]);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        await Envelope.AssertAsync(await Known.PostAsync(ProbeEndpoints.Body, content, Cancellation), 413, "payload_too_large");
    }

    [Fact]
    public async Task Another_media_type_is_415() => await Envelope.AssertAsync(
        await Known.PostAsync(ProbeEndpoints.Body, new StringContent("a=b", Encoding.UTF8, "text/plain"), Cancellation), 415, "unsupported_media_type");

    [Fact]
    public async Task A_charset_that_there_is_not_is_415()
    {
        using var content = new ByteArrayContent("{}"u8.ToArray());
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json", "bogus");
        await Envelope.AssertAsync(await Known.PostAsync(ProbeEndpoints.Body, content, Cancellation), 415, "unsupported_media_type");
    }

    [Fact]
    public async Task A_bug_is_500_and_tells_nothing()
    {
        using var answer = await Known.GetAsync(ProbeEndpoints.Bug, Cancellation);
        var envelope = await Envelope.AssertAsync(answer, 500, "internal_error");
        Assert.DoesNotContain("secret", envelope.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_text_that_the_database_has_no_character_for_is_400() =>
        await Envelope.AssertAsync(await Known.GetAsync(ProbeEndpoints.ZeroCharacter, Cancellation), 400, "bad_request");

    [Fact]
    public async Task A_dependency_that_is_away_is_503_with_Retry_After()
    {
        using var answer = await Known.GetAsync(ProbeEndpoints.Outage, Cancellation);
        var envelope = await Envelope.AssertAsync(answer, 503, "service_unavailable");
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.DoesNotContain("db.internal", envelope.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public virtual async Task The_API_document_is_the_committed_one() =>
        await Snapshot.AssertAsync("openapi.json", await host.Direct().GetStringAsync("/openapi/v1.json", Cancellation));
}
