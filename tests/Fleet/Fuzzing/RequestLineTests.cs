using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace EasySmart.Fleet.Tests.Fuzzing;

/// <summary>Request lines and headers as no client library would write them, sent to the gateway's socket.</summary>
[Collection("Memory is measured here")]
public sealed class RequestLineTests
{
    private const int Inputs = 2_000;

    private static readonly string[] Methods =
        ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND", "G\u0001T", "PRI", new string('M', 200), ""];

    private static readonly string[] Paths =
        ["/", "*", "/api/v1/devices", "/api/v1/auth/login", "/api/v1/tenants/", "/api/", "/health", "/metrics", "http://x/api/v1/devices", "//", "/api/v1/telemetry/latest"];

    private static readonly string[] Versions = ["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTP/1.1", ""];

    private static readonly string[] Headers =
    [
        "Host: y", "Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: 5\r\nContent-Length: 6", "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 3", "Expect: 200-nothing", "Authorization: Bearer \u00ff", "Authorization: Basic", "X-Request-ID: a b",
        "Accept-Encoding: ,,,", "Content-Type: ;;;", "X-Forwarded-For: ,,1.1.1.1:99999", "Forwarded: for=\"", " folded: x", "NoColon", ": empty", "X-\u00e9: 1",
        "Range: bytes=9-1", "If-Match: *", "Upgrade: h2c\r\nConnection: Upgrade", "Cookie: =;=;", "Origin: null", "Access-Control-Request-Method: \u0007", "Traceparent: 00-x",
    ];

    // Kestrel's own, bare: there was no request yet that our code could see. 505 is what HTTP says of an unknown version.
    private static readonly int[] Bare = [400, 405, 411, 413, 414, 417, 431, 501, 505];

    [Fact]
    public async Task Odd_request_lines_and_headers_are_answered_or_refused_and_never_500()
    {
        var seed = Random.Shared.Next(1_000_000_000);
        var wrong = new ConcurrentQueue<string>();
        var options = new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = TestContext.Current.CancellationToken };
        await Parallel.ForEachAsync(Enumerable.Range(seed, Inputs), options, async (number, cancellation) =>
        {
            var request = Make(new Random(number));
            var answer = await SendAsync(Encoding.Latin1.GetBytes(request), cancellation);
            if (WhatIsWrong(answer, request.StartsWith("HEAD ", StringComparison.Ordinal)) is { } problem)
            {
                wrong.Enqueue($"{number}: {request[..Math.Min(request.Length, 300)]}\n    {problem}: {answer}");
            }
        });
        Assert.True(wrong.IsEmpty, $"{wrong.Count} wrong:\n{string.Join("\n", wrong.Take(20))}");
    }

    private static string Make(Random random)
    {
        var target = Odd.Pick(random, Paths) + random.Next(4) switch
        {
            0 => "",
            1 => "/" + Odd.InTarget(random),
            2 => $"?{Odd.InTarget(random)}={Odd.InTarget(random)}",
            _ => new string((char)random.Next(1, 256), random.Next(1, 9000)),
        };
        var headers = Enumerable.Range(0, random.Next(4)).Select(_ => random.Next(12) == 0
            ? $"X-Long: {new string('h', random.Next(40_000))}"
            : Odd.Pick(random, Headers));
        return $"{Odd.Pick(random, Methods)} {target} {Odd.Pick(random, Versions)}\r\nHost: x\r\nConnection: close\r\n{string.Join("\r\n", headers)}\r\n\r\n";
    }

    private static async Task<string> SendAsync(byte[] request, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(TimeSpan.FromSeconds(60));
        using var client = new TcpClient();
        await client.ConnectAsync(Fleet.Gateway.Host, Fleet.Gateway.Port, deadline.Token);
        await using var stream = client.GetStream();
        try
        {
            await stream.WriteAsync(request, deadline.Token);
            // Nothing more will come: a body that was announced is not waited for.
            client.Client.Shutdown(SocketShutdown.Send);
            using var reader = new StreamReader(stream);
            return await reader.ReadToEndAsync(deadline.Token);
        }
        catch (IOException)
        {
            // The gateway hung up while more was on its way to it.
            return "";
        }
    }

    private static string? WhatIsWrong(string answer, bool head)
    {
        // Nothing at all is an answer to half a request.
        if (answer.Length == 0)
        {
            return null;
        }

        if (!answer.StartsWith("HTTP/1.1 ", StringComparison.Ordinal) || !int.TryParse(answer.AsSpan(9, 3), out var status))
        {
            return "no HTTP";
        }

        var body = answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        // Every answer of our own code has it.
        if (!answer.Contains("\r\nX-Request-ID: ", StringComparison.Ordinal))
        {
            return body.Length == 0 && Array.IndexOf(Bare, status) >= 0 ? null : "a bare answer";
        }

        return status >= 500 ? "a fault of ours" : status < 400 || head || IsEnvelope(body) ? null : "no envelope";
    }

    private static bool IsEnvelope(string body)
    {
        // Between chunks' lengths, or alone.
        var (from, to) = (body.IndexOf('{', StringComparison.Ordinal), body.LastIndexOf('}') + 1);
        return from >= 0 && JsonSerializer.Deserialize<JsonElement>(body[from..to]).TryGetProperty("request_id", out _);
    }
}
