using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace EasySmart.Load;

/// <summary>Asks what the broker asks, as fast as it is answered: what a login costs without the cost of a connection.</summary>
internal static class AuthenticateStorm
{
    private static readonly string[] Programs = ["device-provisioning"];

    public static async Task<Measurement[]> RunAsync(RunningFleet fleet, LoadDevice[] devices, Options options, CancellationToken cancellation)
    {
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = options.Concurrency })
        {
            BaseAddress = new Uri(fleet["EASYSMART_DEVICE_PROVISIONING_URL"]),
        };
        http.DefaultRequestHeaders.Add("X-EasySmart-Hook-Key", fleet["EASYSMART_HOOKS_KEY"]);
        var questions = devices.Select(device => JsonSerializer.SerializeToUtf8Bytes(
            new { clientid = device.Id, username = device.Id, password = device.Secret, peerhost = "192.0.2.1" })).ToArray();
        return [
            await AskAsync("each device once (that makes it active where it is new)", questions.Length),
            await AskAsync("questions answered from memory", options.Requests)];

        Task<Measurement> AskAsync(string name, int count) => Measurement.TakeAsync(
            name, fleet, Programs, count, options.Concurrency, (i, c) => IsAllowedAsync(http, questions[i % questions.Length], c), cancellation);
    }

    private static async Task<bool> IsAllowedAsync(HttpClient http, byte[] question, CancellationToken cancellation)
    {
        using var content = new ByteArrayContent(question);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var answer = await http.PostAsync(new Uri("/internal/mqtt/authenticate", UriKind.Relative), content, cancellation);
        var body = await answer.Content.ReadAsByteArrayAsync(cancellation);
        return answer.StatusCode == HttpStatusCode.OK && body.AsSpan().IndexOf("\"result\":\"allow\""u8) >= 0;
    }
}
