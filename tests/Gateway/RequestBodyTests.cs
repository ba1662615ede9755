using System.Net;
using System.Net.Sockets;
using System.Text;
using EasySmart.Hosting;

namespace EasySmart.Gateway.Tests;

/// <summary>Bodies that are too large or broken are the client's fault and are answered so, however they are sent.</summary>
public sealed class RequestBodyTests(GatewayHost gateway)
{
    private const string Somewhere = "/api/v1/devices/provision";
    private const string Import = "/api/v1/devices/import";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false, 1 << 20)]
    // The server counts what goes over the wire, and chunks have frames.
    [InlineData(true, (1 << 20) - 1024)]
    public async Task A_body_of_one_mebibyte_passes_and_one_byte_more_is_413(bool chunked, int largest)
    {
        using var fits = await SendAsync(largest, chunked);
        Assert.Equal(HttpStatusCode.OK, fits.StatusCode);
        await Envelope.AssertAsync(await SendAsync((1 << 20) + 1, chunked), 413, "payload_too_large");
    }

    [Theory]
    [InlineData(false, 64 << 20)]
    [InlineData(true, (64 << 20) - (1 << 20))]
    public async Task An_import_may_have_64_MiB_and_one_byte_more_is_413(bool chunked, int largest)
    {
        using var fits = await SendAsync(largest, chunked, Import);
        Assert.Equal(HttpStatusCode.OK, fits.StatusCode);
        await Envelope.AssertAsync(await SendAsync((64 << 20) + 1, chunked, Import), 413, "payload_too_large");
    }

    [Fact]
    public async Task A_length_that_is_too_large_is_refused_before_the_body_is_sent()
    {
        var answer = await RawAsync("Content-Length: 5000000\r\n", "");
        Assert.StartsWith("HTTP/1.1 413 ", answer, StringComparison.Ordinal);
        Assert.Contains("\"payload_too_large\"", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broken_chunk_is_400_in_the_envelope()
    {
        var answer = await RawAsync("Transfer-Encoding: chunked\r\n", "5\r\nabcde\r\nnot hex\r\n");
        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains("\"bad_request\"", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_open_route_takes_no_more_either()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/auth/login") { Content = new ByteArrayContent(new byte[(1 << 20) + 1]) };
        request.Headers.ExpectContinue = true;
        await Envelope.AssertAsync(await gateway.Direct().SendAsync(request, Cancellation), 413, "payload_too_large");
    }

    private async Task<HttpResponseMessage> SendAsync(int bytes, bool chunked, string path = Somewhere)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(new byte[bytes]) };
        request.Headers.Add("X-Behave", "read");
        request.Headers.TransferEncodingChunked = chunked;
        // Refused unread, the connection ends under who is still sending.
        request.Headers.ExpectContinue = !chunked;
        return await gateway.Bearer().SendAsync(request, Cancellation);
    }

    private async Task<string> RawAsync(string headers, string body)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(gateway.Address.Host, gateway.Address.Port, Cancellation);
        await using var stream = client.GetStream();
        var request = $"POST {Somewhere} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Behave: read\r\n"
            + $"Authorization: Bearer {gateway.Behind.Issuer.Token()}\r\n{headers}\r\n{body}";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), Cancellation);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(Cancellation);
    }
}
