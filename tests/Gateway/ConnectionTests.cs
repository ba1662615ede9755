using System.Net.Sockets;
using System.Text;
using EasySmart.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace EasySmart.Gateway.Tests;

/// <summary>What a connection may cost: too much of a request line or of headers, and too slow headers, bodies and answers.</summary>
public sealed class ConnectionTests(GatewayHost gateway)
{
    private const string Slow = "POST /api/v1/devices/provision HTTP/1.1\r\nHost: x\r\nX-Behave: read\r\nContent-Length: 100000\r\nAuthorization: Bearer ";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, int> TooMuch => new()
    {
        { $"GET /{new string('a', 9000)} HTTP/1.1\r\nHost: x\r\n\r\n", 414 },
        { $"GET / HTTP/1.1\r\nHost: x\r\nX-Large: {new string('a', 25_000)}\r\n\r\n", 431 },
        { $"GET / HTTP/1.1\r\nHost: x\r\n{string.Concat(Enumerable.Range(0, 81).Select(i => $"X-{i}: a\r\n"))}\r\n", 431 },
        { "nonsense\r\n\r\n", 400 },
    };

    // Kestrel's own words: it answers before there is a request that our code could see. They tell nothing, and the connection ends.
    [Theory, MemberData(nameof(TooMuch))]
    public async Task Too_much_of_a_request_is_a_bare_status(string request, int status)
    {
        var answer = await SendAsync(gateway, request);
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nContent-Length: 0\r\nConnection: close\r\n", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Server:", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Headers_that_do_not_come_are_408()
    {
        await using var own = await GatewayHost.StartAsync(settings: ("Connections:HeaderSeconds", "1"));
        Assert.StartsWith("HTTP/1.1 408 ", await SendAsync(own, "GET / HTTP/1.1\r\nHost:"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_trickles_is_400_in_the_envelope()
    {
        await using var own = await GatewayHost.StartAsync(settings: [("Connections:BytesPerSecond", "1000"), ("Connections:GraceSeconds", "2")]);
        AssertLate(await SendAsync(own, $"{Slow}{own.Behind.Issuer.Token()}\r\n\r\nabc"));
    }

    [Fact]
    public async Task A_body_that_takes_for_ever_is_400_in_the_envelope()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var own = await GatewayHost.StartAsync(clock, ("Forwarding:AnswerSeconds", "50"));
        var answer = SendAsync(own, $"{Slow}{own.Behind.Issuer.Token()}\r\n\r\n{new string('a', FakeServices.BeginningBytes)}");
        await own.Behind.Reading.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
        clock.Advance(TimeSpan.FromSeconds(51));
        AssertLate(await answer);
    }

    [Fact]
    public async Task A_service_that_keeps_busy_without_answering_is_504()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var own = await GatewayHost.StartAsync(clock, [("Forwarding:AnswerSeconds", "20"), ("Forwarding:TimeoutSeconds", "600")]);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/devices") { Headers = { { "X-Behave", "hang" } } };
        var answer = own.Bearer().SendAsync(request, Cancellation);
        await own.Behind.Hanging.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
        clock.Advance(TimeSpan.FromSeconds(21));
        await Envelope.AssertAsync(await answer, 504, "gateway_timeout");
        await own.Behind.GivenUp.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
    }

    [Fact]
    public async Task A_route_may_take_larger_bodies_than_others()
    {
        await using var own = await GatewayHost.StartAsync(services => services.AddSingleton<IStartupFilter>(new ImportRoute()));
        Assert.True((await PostAsync(own, "__probe/import", 3 << 20)).IsSuccessStatusCode);
        await Envelope.AssertAsync(await PostAsync(own, "__probe/import", (4 << 20) + 1), 413, "payload_too_large");
        await Envelope.AssertAsync(await PostAsync(own, "devices/provision", 3 << 20), 413, "payload_too_large");
    }

    private static Task<HttpResponseMessage> PostAsync(GatewayHost gateway, string path, int bytes)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/{path}") { Content = new ByteArrayContent(new byte[bytes]) };
        // So that a refusal is read before the connection, full of a body that nobody takes, ends.
        request.Headers.ExpectContinue = true;
        return gateway.Bearer().SendAsync(request, Cancellation);
    }

    private static void AssertLate(string answer)
    {
        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains("\"code\":\"bad_request\",\"message\":\"The body did not arrive in time\"", answer, StringComparison.Ordinal);
    }

    private static async Task<string> SendAsync(GatewayHost gateway, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(gateway.Address.Host, gateway.Address.Port, Cancellation);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), Cancellation);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(Cancellation).WaitAsync(TimeSpan.FromSeconds(60), Cancellation);
    }

    private sealed class ImportRoute : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            next(app);
            ((IEndpointRouteBuilder)app.Properties["__EndpointRouteBuilder"]!)
                .MapRoutes(new Route("/__probe/import", Services.DeviceProvisioning) { MaxBodyBytes = 4 << 20 });
        };
    }
}
