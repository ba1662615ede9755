namespace EasySmart.Broker;

/// <summary>GET /health, /health/live and /health/ready, as every service answers them.</summary>
internal static class Health
{
    public static void MapHealth(this IEndpointRouteBuilder admin)
    {
        admin.MapGet("/health", Live);
        admin.MapGet("/health/live", Live);
        admin.MapGet("/health/ready", Ready);
    }

    private static Dictionary<string, object> Live(TimeProvider time) => new() { ["status"] = "ok", ["timestamp"] = Timestamp(time) };

    private static IResult Ready(Listeners listeners, IHostApplicationLifetime lifetime, TimeProvider time)
    {
        var open = lifetime.ApplicationStarted.IsCancellationRequested && !lifetime.ApplicationStopping.IsCancellationRequested;
        var tcp = open && listeners.TcpPort > 0;
        var webSocket = open && listeners.WebSocketPort > 0;
        var ready = tcp && webSocket;
        return Results.Json(
            new Dictionary<string, object>
            {
                ["status"] = ready ? "ok" : "degraded",
                ["checks"] = new Dictionary<string, string> { ["tcp"] = Word(tcp), ["websocket"] = Word(webSocket) },
                ["timestamp"] = Timestamp(time),
            },
            statusCode: ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }

    private static string Word(bool ok) => ok ? "ok" : "error";

    private static string Timestamp(TimeProvider time) =>
        time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture);
}
