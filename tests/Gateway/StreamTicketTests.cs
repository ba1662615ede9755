using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;
using Microsoft.Extensions.Time.Testing;

namespace EasySmart.Gateway.Tests;

/// <summary>What a ticket opens, for whom, how often, and where it is not seen.</summary>
public sealed class StreamTicketTests(GatewayHost gateway)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("?ticket={0}", "")]
    [InlineData("?ticket={0}&device_ids=a%2Cb&last_event_id=17", "?device_ids=a%2Cb&last_event_id=17")]
    [InlineData("?device_label=caldeira%201%2B%C3%A7&ticket={0}", "?device_label=caldeira%201%2B%C3%A7")]
    [InlineData("?x=1&%54icket={0}&y&ticke=2", "?x=1&y&ticke=2")]
    public async Task It_names_its_owner_who_may_only_read_and_goes_no_further(string query, string forwarded)
    {
        var ticket = gateway.Behind.Tickets.Make();
        using var answer = await gateway.Direct().GetAsync(LiveStream.Path + query.Replace("{0}", ticket.Text, StringComparison.Ordinal), Cancellation);
        var got = await Echo.OfAsync(answer);
        Assert.Equal((Services.TelemetryQuery, "/telemetry/stream" + forwarded), (got.Service, got.Target));
        var identity = await gateway.Verifier.VerifyAsync(got.Header(InternalIdentity.Header)!, Services.TelemetryQuery);
        Assert.Equal("user", identity!.FindFirst("kind")!.Value);
        Assert.Equal(
            ($"{ticket.CallerId}", $"{ticket.TenantId}", $"{ticket.SessionId}"),
            (identity.FindFirst("sub")!.Value, identity.FindFirst("tenant_id")!.Value, identity.FindFirst("sid")!.Value));
        Assert.Equal(["telemetry:read"], identity.FindAll("permissions").Select(c => c.Value));
    }

    [Fact]
    public async Task It_is_good_once()
    {
        var ticket = gateway.Behind.Tickets.Make();
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => GetAsync(gateway, ticket.Text)));
        Assert.Single(answers, answer => answer.IsSuccessStatusCode);
        foreach (var refused in answers.Where(answer => !answer.IsSuccessStatusCode))
        {
            await Envelope.AssertAsync(refused, 401, "unauthorized");
            Assert.Equal("Bearer error=\"invalid_token\"", refused.Headers.WwwAuthenticate.Single().ToString());
        }
    }

    [Fact]
    public async Task What_is_no_ticket_is_401_and_Identity_is_asked_only_about_what_could_be_one()
    {
        await using var own = await GatewayHost.StartAsync();
        foreach (var text in new[] { "x", new string('a', 42), new string('a', 44), new string('%', 43), FakeKeys.NewText()[..43] + "=" })
        {
            await Envelope.AssertAsync(await GetAsync(own, Uri.EscapeDataString(text)), 401, "unauthorized");
        }

        Assert.Equal(0, own.Behind.Tickets.Asked);
        await Envelope.AssertAsync(await GetAsync(own, FakeTickets.NewText()), 401, "unauthorized");
        Assert.Equal(1, own.Behind.Tickets.Asked);
    }

    [Theory]
    [InlineData("GET", "/api/v1/telemetry/latest")]
    [InlineData("GET", "/api/v1/telemetry/stream/more")]
    [InlineData("GET", "/api/v1/devices")]
    [InlineData("POST", "/api/v1/telemetry/stream")]
    [InlineData("POST", "/api/v1/telemetry/stream/tickets")]
    public async Task It_opens_nothing_else_and_is_not_spent_there(string method, string path)
    {
        var ticket = gateway.Behind.Tickets.Make();
        using var request = new HttpRequestMessage(new HttpMethod(method), $"{path}?ticket={ticket.Text}");
        using var answer = await gateway.Direct().SendAsync(request, Cancellation);
        await Envelope.AssertAsync(answer, 401, "unauthorized");
        Assert.True((await GetAsync(gateway, ticket.Text)).IsSuccessStatusCode);
    }

    [Fact]
    public async Task A_token_beside_it_goes_first_and_leaves_it_unspent()
    {
        var ticket = gateway.Behind.Tickets.Make();
        using var answer = await gateway.Bearer().GetAsync($"{LiveStream.Path}?ticket={ticket.Text}", Cancellation);
        var got = await Echo.OfAsync(answer);
        Assert.Equal("/telemetry/stream", got.Target);
        var identity = await gateway.Verifier.VerifyAsync(got.Header(InternalIdentity.Header)!, Services.TelemetryQuery);
        Assert.Equal("0190a000-0000-7000-8000-000000000001", identity!.FindFirst("sub")!.Value);
        await Envelope.AssertAsync(await gateway.Bearer("wrong").GetAsync($"{LiveStream.Path}?ticket={ticket.Text}", Cancellation), 401, "unauthorized");
        Assert.True((await GetAsync(gateway, ticket.Text)).IsSuccessStatusCode);
    }

    [Fact]
    public async Task While_Identity_is_away_it_is_503()
    {
        await using var own = await GatewayHost.StartAsync();
        var ticket = own.Behind.Tickets.Make();
        own.Behind.IdentityAnswers = false;
        await Envelope.AssertAsync(await GetAsync(own, ticket.Text), 503, "service_unavailable");
        own.Behind.IdentityAnswers = true;
        Assert.True((await GetAsync(own, ticket.Text)).IsSuccessStatusCode);
    }

    [Fact]
    public async Task One_whose_owner_was_taken_back_since_is_401_and_a_stream_that_it_opened_ends()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var own = await GatewayHost.StartAsync(clock);
        var session = Guid.NewGuid();
        var (first, second) = (own.Behind.Tickets.Make(session: session), own.Behind.Tickets.Make(session: session));
        using var stream = await LiveStream.OpenAsync(own, own.Direct(), $"?ticket={first.Text}");
        own.Behind.Revoked.Enqueue(session);
        await stream.EndsAsync(() => clock.Advance(TimeSpan.FromSeconds(2)));
        await Envelope.AssertAsync(await GetAsync(own, second.Text), 401, "unauthorized");
    }

    [Fact]
    public async Task A_stream_ends_when_the_token_expires_that_the_ticket_was_asked_for_with()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var own = await GatewayHost.StartAsync(clock);
        var ticket = own.Behind.Tickets.Make(credentialExpiresAt: clock.GetUtcNow().AddMinutes(5));
        using var stream = await LiveStream.OpenAsync(own, own.Direct(), $"?ticket={ticket.Text}");
        clock.Advance(TimeSpan.FromMinutes(4));
        await stream.GoesOnAsync();
        clock.Advance(TimeSpan.FromMinutes(2));
        await stream.EndsAsync();
    }

    [Fact]
    public async Task Wrong_ones_are_counted_as_wrong_credentials()
    {
        await using var own = await GatewayHost.StartAsync(settings: ("RateLimits:FailedAuthentications:PermitLimit", "2"));
        await Envelope.AssertAsync(await GetAsync(own, FakeTickets.NewText()), 401, "unauthorized");
        await Envelope.AssertAsync(await GetAsync(own, FakeTickets.NewText()), 401, "unauthorized");
        await Envelope.AssertAsync(await GetAsync(own, own.Behind.Tickets.Make().Text), 429, "rate_limited");
    }

    [Fact]
    public async Task A_page_of_an_origin_that_may_opens_a_stream()
    {
        await using var own = await GatewayHost.StartAsync(settings: ("Cors:Origins:0", "https://app.example.com"));
        using var client = own.Direct();
        client.DefaultRequestHeaders.Add("Origin", "https://app.example.com");
        client.DefaultRequestHeaders.Add("Last-Event-ID", "17");
        using var stream = await LiveStream.OpenAsync(own, client, $"?ticket={own.Behind.Tickets.Make().Text}");
        Assert.Equal("https://app.example.com", stream.Headers.GetValues("Access-Control-Allow-Origin").Single());
    }

    [Theory]
    [InlineData(LiveStream.Path)]
    [InlineData("/api/telemetry/stream")]
    public async Task No_trace_has_it(string path)
    {
        var ticket = gateway.Behind.Tickets.Make();
        var ended = new ConcurrentQueue<string>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => ended.Enqueue(
                $"{activity.TraceId} {activity.DisplayName} {string.Join(' ', activity.TagObjects.Select(tag => $"{tag.Key}={tag.Value}"))}"),
        };
        ActivitySource.AddActivityListener(listener);
        // Past HttpClient, which is traced itself in this process, and knows the URL.
        var answer = await RawAsync(gateway.Address, $"GET {path}?ticket={ticket.Text} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        var trace = Regex.Match(answer, "\"traceparent\":\\[\"00-([0-9a-f]{32})-").Groups[1].Value;
        Assert.NotEqual("", trace);
        // The request's own, and those of the calls to Identity and to the service.
        await Eventually.TrueAsync(() => Task.FromResult(ended.Count(text => text.StartsWith(trace, StringComparison.Ordinal)) >= 3));
        Assert.DoesNotContain(ended, text => text.Contains(ticket.Text, StringComparison.Ordinal));
    }

    private static async Task<string> RawAsync(Uri address, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port, Cancellation);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request), Cancellation);
        using var reader = new StreamReader(client.GetStream());
        return await reader.ReadToEndAsync(Cancellation);
    }

    private static Task<HttpResponseMessage> GetAsync(GatewayHost gateway, string ticket) =>
        gateway.Direct().GetAsync($"{LiveStream.Path}?ticket={ticket}", Cancellation);
}
