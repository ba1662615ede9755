using System.Net;
using System.Net.Sockets;
using EasySmart.Hosting;

namespace EasySmart.Gateway.Tests;

/// <summary>Whatever goes wrong behind the gateway leaves it as an envelope with a status of the contract.</summary>
public sealed class UpstreamErrorTests(GatewayHost gateway)
{
    private const string Somewhere = "/api/v1/telemetry/latest";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_service_that_is_down_is_503_with_Retry_After()
    {
        // Bound but not listening: the port is nobody else's, and refuses.
        using var closed = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using var own = await GatewayHost.StartAsync(settings: ("services:telemetry-query:http:0", $"http://{closed.LocalEndPoint}"));
        foreach (var path in new[] { Somewhere, "/api/telemetry/latest" })
        {
            using var answer = await own.Bearer().GetAsync(path, Cancellation);
            var envelope = await Envelope.AssertAsync(answer, 503, "service_unavailable");
            Assert.NotNull(answer.Headers.RetryAfter);
            Assert.DoesNotContain("127.0.0.1", envelope.ToString(), StringComparison.Ordinal);
            Assert.Equal(path.StartsWith("/api/t", StringComparison.Ordinal), answer.Headers.Contains("Deprecation"));
        }

        Assert.True((await own.Bearer().GetAsync("/api/v1/devices", Cancellation)).IsSuccessStatusCode);
    }

    [Fact]
    public async Task A_service_that_does_not_answer_in_time_is_504()
    {
        await using var own = await GatewayHost.StartAsync(settings: ("Forwarding:TimeoutSeconds", "1"));
        await Envelope.AssertAsync(await BehavingAsync(own, "hang"), 504, "gateway_timeout");
        await own.Behind.GivenUp.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
    }

    [Fact]
    public async Task A_service_that_breaks_the_connection_is_503() =>
        await Envelope.AssertAsync(await BehavingAsync(gateway, "break"), 503, "service_unavailable");

    [Theory]
    [InlineData("html", 500, "internal_error")]
    [InlineData("500", 500, "internal_error")]
    [InlineData("404", 404, "not_found")]
    [InlineData("405", 405, "method_not_allowed")]
    [InlineData("403", 403, "forbidden")]
    [InlineData("415", 415, "unsupported_media_type")]
    [InlineData("502", 503, "service_unavailable")]
    [InlineData("503", 503, "service_unavailable")]
    [InlineData("504", 504, "gateway_timeout")]
    public async Task An_error_that_is_no_envelope_becomes_one(string behaviour, int status, string code)
    {
        using var answer = await BehavingAsync(gateway, behaviour);
        var envelope = await Envelope.AssertAsync(answer, status, code);
        Assert.DoesNotContain("db.internal", envelope.ToString(), StringComparison.Ordinal);
        if (behaviour != "html")
        {
            Assert.Equal(["POST"], answer.Content.Headers.Allow);
            Assert.Equal(TimeSpan.FromSeconds(7), answer.Headers.RetryAfter?.Delta);
        }
    }

    [Fact]
    public async Task A_service_s_own_envelope_passes_as_it_is()
    {
        var envelope = await Envelope.AssertAsync(await BehavingAsync(gateway, "conflict"), 409, "conflict");
        Assert.Equal("device_label already exists", envelope.GetProperty("message").GetString());
    }

    [Fact]
    public async Task A_client_that_goes_away_ends_the_call_to_the_service()
    {
        await using var own = await GatewayHost.StartAsync();
        using var impatient = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var call = BehavingAsync(own, "hang", impatient.Token);
        await Task.WhenAny(call, own.Behind.Hanging.Task);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await own.Behind.GivenUp.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
    }

    [Fact]
    public async Task A_large_answer_streams_through()
    {
        using var request = Behaving("large");
        using var answer = await gateway.Bearer().SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        await using var body = await answer.Content.ReadAsStreamAsync(Cancellation);
        var buffer = new byte[1 << 16];
        long total = 0;
        for (int read; (read = await body.ReadAsync(buffer, Cancellation)) > 0;)
        {
            total += read;
        }

        Assert.Equal(64L << 20, total);
    }

    [Fact]
    public async Task The_request_id_is_the_same_everywhere_and_comes_once()
    {
        var client = gateway.Bearer();
        using var made = await client.GetAsync(Somewhere, Cancellation);
        var id = made.Headers.GetValues("X-Request-ID").Single();
        Assert.Equal(id, (await Echo.OfAsync(made)).Header("X-Request-ID"));

        client.DefaultRequestHeaders.Add("X-Request-ID", "plant-7/3");
        using var kept = await client.GetAsync(Somewhere, Cancellation);
        Assert.Equal("plant-7/3", kept.Headers.GetValues("X-Request-ID").Single());
        Assert.Equal("plant-7/3", (await Echo.OfAsync(kept)).Header("X-Request-ID"));
    }

    private static async Task<HttpResponseMessage> BehavingAsync(GatewayHost gateway, string behaviour, CancellationToken? cancellation = null)
    {
        using var request = Behaving(behaviour);
        return await gateway.Bearer().SendAsync(request, cancellation ?? Cancellation);
    }

    private static HttpRequestMessage Behaving(string behaviour) => new(HttpMethod.Get, Somewhere) { Headers = { { "X-Behave", behaviour } } };
}
