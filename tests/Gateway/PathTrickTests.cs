using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace EasySmart.Gateway.Tests;

/// <summary>Paths that a well-behaved client cannot even send, written to the socket as they are.</summary>
public sealed class PathTrickTests(GatewayHost gateway)
{
    [Theory]
    [InlineData("/api/v1/telemetry/../internal/quotas")]
    [InlineData("/api/v1/telemetry/%2e%2e/internal/quotas")]
    [InlineData("/api/v1/telemetry/.%2E/internal/quotas")]
    [InlineData("/api/v1/./internal/quotas")]
    [InlineData("/api/v1//internal/quotas")]
    [InlineData("/api//v1/internal/quotas")]
    [InlineData("/api/v1/%2finternal/quotas")]
    [InlineData("/api/v1/telemetry/../../../internal/quotas")]
    [InlineData("/api/../internal/quotas")]
    [InlineData("//internal/quotas")]
    [InlineData("http://x/internal/quotas")]
    public async Task Leaves_the_table_and_is_404(string target)
    {
        var (status, _) = await GetAsync(target);
        Assert.Equal(404, status);
    }

    [Theory]
    [InlineData("/api/v1/devices/..%2finternal/devices")]
    [InlineData("/api/v1/devices/..%2Finternal/devices")]
    [InlineData("/api/v1/devices/..%5cinternal/devices")]
    [InlineData("/api/v1/devices/..\\internal/devices")]
    [InlineData("/api/v1/devices/%252e%252e/internal/devices")]
    [InlineData("/api/v1/devices/%252e%252e%252finternal/devices")]
    [InlineData("/api/v1/devices/x/..;/..;/internal/devices")]
    [InlineData("/api/v1/devices//internal/devices")]
    [InlineData("/api/v1/devices/x/%2e%2e/..%2f..%2finternal/devices")]
    [InlineData("/api/v1/devices/%2f..%2finternal/devices?a=/../internal")]
    [InlineData("/api/devices/..%2finternal/devices")]
    public async Task Stays_below_what_the_table_names(string target)
    {
        var (status, body) = await GetAsync(target);
        Assert.Equal(200, status);
        var sent = JsonSerializer.Deserialize<Echo>(body, JsonSerializerOptions.Web)!;
        // What the service decodes and splits is one level of encoding less than what was sent to it.
        var path = Uri.UnescapeDataString(sent.Target.Split('?')[0]);
        Assert.Equal(Services.DeviceProvisioning, sent.Service);
        Assert.StartsWith("/devices/", path, StringComparison.Ordinal);
        Assert.DoesNotContain("..", path.Split('/'));
    }

    private async Task<(int Status, string Body)> GetAsync(string target)
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var client = new TcpClient();
        await client.ConnectAsync(gateway.Address.Host, gateway.Address.Port, cancellation);
        await using var stream = client.GetStream();
        await stream.WriteAsync(
            Encoding.ASCII.GetBytes($"GET {target} HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer {gateway.Behind.Issuer.Token()}\r\n\r\n"), cancellation);
        using var reader = new StreamReader(stream);
        var answer = await reader.ReadToEndAsync(cancellation);
        var split = answer.Split("\r\n\r\n", 2);
        return (int.Parse(split[0].Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture), split[1]);
    }
}
