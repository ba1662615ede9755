using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.Gateway.Tests;

/// <summary>What devices in the field can take (contract.md §1): TLS 1.2, and an answer that fits a buffer of 1,024 bytes with all its headers.</summary>
public sealed class FirmwareTests
{
    /// <summary>The longest answer there is: every field as long as the contract lets it be, ids and secret as long as they are.</summary>
    public static readonly string LongestSecret =
        $$"""{"device_secret":"{{new string('a', 64)}}","expires_at":"2026-02-15T00:00:00.123456Z","mqtt_username":"{{Guid.Empty}}","broker":"{{new string('b', 159)}}","topic_prefix":"tenants/{{Guid.Empty}}/devices/{{Guid.Empty}}/telemetry"}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/api/v1/devices/secret", SslProtocols.Tls12)]
    [InlineData("/api/devices/secret", SslProtocols.Tls12)]
    [InlineData("/api/devices/secret", SslProtocols.Tls13)]
    [InlineData("/api/devices/credentials/rotate", SslProtocols.Tls12)]
    public async Task The_longest_answer_fits_over_TLS_also_below_the_older_prefix(string path, SslProtocols protocol)
    {
        var certificate = Path.Combine(Path.GetTempPath(), $"gateway-{Guid.NewGuid():N}.pfx");
        await File.WriteAllBytesAsync(certificate, SelfSigned(), Cancellation);
        try
        {
            await using var gateway = await GatewayHost.StartAsync(settings:
            [
                ("Kestrel:Endpoints:Tls:Url", "https://127.0.0.1:0"), ("Kestrel:Endpoints:Tls:Certificate:Path", certificate),
            ]);
            var answer = await CallAsync(new Uri(gateway.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()), path, protocol);
            Assert.StartsWith("HTTP/1.1 200 OK\r\n", answer, StringComparison.Ordinal);
            Assert.EndsWith($"\r\n\r\n{LongestSecret}", answer, StringComparison.Ordinal);
            Assert.Contains($"\r\nContent-Length: {LongestSecret.Length}\r\n", answer, StringComparison.Ordinal);
            Assert.True(answer.Length < 1024, $"{answer.Length} bytes: {answer}");
        }
        finally
        {
            File.Delete(certificate);
        }
    }

    private static async Task<string> CallAsync(Uri gateway, string path, SslProtocols protocol)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(gateway.Host, gateway.Port, Cancellation);
        await using var tls = new SslStream(socket.GetStream());
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = "gateway",
                EnabledSslProtocols = protocol,
                // The gateway's own, which nobody else has signed.
                RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.Subject == "CN=gateway",
            },
            Cancellation);
        Assert.Equal(protocol, tls.SslProtocol);
        await tls.WriteAsync(
            Encoding.ASCII.GetBytes(
                $"POST {path} HTTP/1.1\r\nHost: api.example.com\r\nX-Behave: secret\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"),
            Cancellation);
        using var reader = new StreamReader(tls, Encoding.ASCII);
        return await reader.ReadToEndAsync(Cancellation);
    }

    private static byte[] SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=gateway", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return certificate.Export(X509ContentType.Pfx);
    }
}
