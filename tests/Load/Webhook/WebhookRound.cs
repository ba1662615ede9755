using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace EasySmart.Load;

/// <summary>What came of many clients that each post one reading after the other to a gateway.</summary>
internal sealed record WebhookRound(
    string Kind, long Answered, long Busy, long Failed, double PerSecond, double P50Ms, double P95Ms, double P99Ms, IReadOnlyDictionary<string, double> CpuSecondsPer1000)
{
    public static async Task<WebhookRound> MeasureAsync(
        string kind, RunningFleet fleet, SecondGateway gateway, LoadDevice[] devices, int concurrency, TimeSpan time, CancellationToken cancellation)
    {
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = concurrency, UseProxy = false, UseCookies = false })
        {
            BaseAddress = gateway.Address,
        };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", fleet["EASYSMART_WEBHOOK_API_KEY"]);
        var (clock, times) = (Stopwatch.StartNew(), new List<double>[concurrency]);
        var (busy, failed) = (0L, 0L);
        var cpu = new CpuMeter(fleet, "ingestion", "telemetry");
        var gatewayBefore = Processes.CpuSecondsOf(gateway.ProcessId);
        await Task.WhenAll(Enumerable.Range(0, concurrency).Select(client => Task.Run(() => PostAsync(client), cancellation)));
        var (seconds, used) = (clock.Elapsed.TotalSeconds, cpu.Take());
        used.Add("gateway", Processes.CpuSecondsOf(gateway.ProcessId) - gatewayBefore);
        // Our second gateways are nobody's in the fleet.
        used[CpuMeter.Others] -= used["gateway"];
        var sorted = times.SelectMany(t => t).Order().ToArray();
        var round = new WebhookRound(
            kind, sorted.Length, busy, failed, Math.Round(sorted.Length / seconds), Statistics.At(sorted, 0.5), Statistics.At(sorted, 0.95), Statistics.At(sorted, 0.99),
            used.ToDictionary(p => p.Key, p => Math.Round(p.Value * 1000 / Math.Max(1, sorted.Length + busy + failed), 3)));
        Console.WriteLine(FormattableString.Invariant(
            $"  {kind}: {round.PerSecond:N0} requests/s, p50 {round.P50Ms} ms, p99 {round.P99Ms} ms, {busy} told to come back, {failed} failed"));
        return round;

        async Task PostAsync(int client)
        {
            var (mine, device) = (times[client] = [], devices[client % devices.Length]);
            // Two clients of one device would meet at one time with different values; so would two readings of a client.
            var slot = client / devices.Length;
            var last = 0L;
            for (var number = 0L; clock.Elapsed < time && !cancellation.IsCancellationRequested; number++)
            {
                last = Math.Max(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), last + 1);
                var body = Encoding.UTF8.GetBytes(FormattableString.Invariant(
                    $$"""{"topic":"{{device.TopicPrefix}}/slot/{{slot}}","payload":{"value":{{number}}.5,"ts":{{last}}},"timestamp":{{last}}}"""));
                var started = Stopwatch.GetTimestamp();
                var status = await SendAsync(body);
                if (status == HttpStatusCode.OK)
                {
                    mine.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
                }
                else
                {
                    Interlocked.Increment(ref status is HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests ? ref busy : ref failed);
                }
            }
        }

        async Task<HttpStatusCode?> SendAsync(byte[] body)
        {
            using var content = new ByteArrayContent(body);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            try
            {
                using var answer = await http.PostAsync(new Uri("/api/v1/telemetry", UriKind.Relative), content, cancellation);
                return answer.StatusCode;
            }
            catch (HttpRequestException)
            {
                return null;
            }
        }
    }
}
