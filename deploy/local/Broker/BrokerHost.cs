using Microsoft.AspNetCore.Http.Connections;
using MQTTnet.AspNetCore;
using OpenTelemetry.Metrics;

namespace EasySmart.Broker;

/// <summary>
/// Puts the broker together. MQTTnet's packets and codec, Kestrel's connections, our own sessions: MQTTnet.Server gives
/// redelivered messages new packet identifiers and no DUP, keeps to no Receive Maximum, and cannot let a publisher wait
/// without going deaf to its pings.
/// </summary>
internal static partial class BrokerHost
{
    public static WebApplication Build(string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        var options = BrokerOptions.Read(builder.Configuration);
        var listeners = new Listeners(options);
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning).AddSimpleConsole(console => console.SingleLine = true);
        builder.WebHost.ConfigureKestrel(listeners.Bind);
        builder.Services.AddSingleton(options).AddSingleton(listeners).AddSingleton(TimeProvider.System)
            .AddSingleton<BrokerMetrics>().AddSingleton<Authenticator>().AddSingleton<Handshake>()
            .AddSingleton<ClientClock>().AddSingleton<ClientEvents>().AddSingleton<EventReceiver>()
            .AddSingleton<Router>().AddSingleton<SessionStore>().AddSingleton<RetainedMessages>()
            .AddSingleton<Exchange>().AddSingleton<Wills>().AddSingleton<Connections>()
            .AddSingleton<Desk>().AddSingleton<MqttEndpoint>()
            .AddSingleton<HeldMessages>().AddHostedService(services => services.GetRequiredService<HeldMessages>())
            // Before Watch, so that it stops after it: the last events are those of the connections that Watch closes.
            .AddHostedService<EventPoster>().AddHostedService<Watch>()
            .AddConnections();
        var telemetry = builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics
            .AddMeter(BrokerMetrics.MeterName).AddRuntimeInstrumentation().AddPrometheusExporter());
        if (builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is { Length: > 0 })
        {
            telemetry.WithMetrics(metrics => metrics.AddOtlpExporter());
        }

        var app = builder.Build();
        app.Services.GetRequiredService<BrokerMetrics>().Observe(
            app.Services.GetRequiredService<Connections>(), app.Services.GetRequiredService<SessionStore>(),
            app.Services.GetRequiredService<ClientEvents>());
        app.MapWhen(Listeners.CameToAdmin, admin => admin.UseRouting().UseEndpoints(routes =>
        {
            routes.MapHealth();
            routes.MapManagement();
            routes.MapPrometheusScrapingEndpoint();
        }));
        app.Use(RefuseWebSocketsThatDoNotSayMqtt);
        app.UseWebSockets().UseRouting().UseEndpoints(routes => routes.MapConnectionHandler<MqttEndpoint>("/mqtt", mqtt =>
        {
            mqtt.Transports = HttpTransportType.WebSockets;
            mqtt.WebSockets.SubProtocolSelector = MqttSubProtocolSelector.SelectSubProtocol;
        }));
        app.Lifetime.ApplicationStarted.Register(() => LogListening(app.Logger, options.BindAddress,
            listeners.TcpPort, listeners.WebSocketPort, listeners.AdminPort, options.AuthenticatorUrl,
            options.HoldUntilSession.Length > 0 ? options.HoldUntilSession : "nobody"));
        return app;
    }

    /// <summary>As EMQX, or a device would work here and fail there.</summary>
    private static Task RefuseWebSocketsThatDoNotSayMqtt(HttpContext context, RequestDelegate next)
    {
        if (MqttSubProtocolSelector.SelectSubProtocol(context.Request) is not null)
        {
            return next(context);
        }

        context.Response.StatusCode = StatusCodes.Status400BadRequest;
        return Task.CompletedTask;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Listening on {Address}: MQTT {Tcp}, MQTT over WebSocket {WebSocket} (/mqtt), "
        + "health, metrics and management {Admin}; logins are asked of {Authenticator}; telemetry waits for {Session}")]
    private static partial void LogListening(
        ILogger logger, string address, int tcp, int webSocket, int admin, string authenticator, string session);
}
