using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>Once a second: who is silent, whose login or session has run out. At the end: out of the house in good order.</summary>
internal sealed partial class Watch(
    Connections connections, SessionStore sessions, Wills wills, ClientEvents events, TimeProvider time, IHostApplicationLifetime lifetime,
    ILogger<Watch> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stop.Token))
            {
                Sweep();
            }
        }
        catch (OperationCanceledException)
        {
            await LeaveAsync();
        }
    }

    private async Task LeaveAsync()
    {
        // The queues are memory: whoever can still empty them gets the time to, while nobody adds to them.
        Close(connections.All.Where(c => !c.Session.IsService));
        using var patience = new CancellationTokenSource(DrainTime, time);
        while (sessions.Services().Any(s => s.IsConnected && s.Depth > 0) && !patience.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), time, CancellationToken.None);
        }

        Close(connections.All);
        foreach (var session in sessions.Services().Where(s => s.Depth > 0))
        {
            LogLost(session.ClientId, session.Depth);
        }

        while (!events.AreOff && (connections.Count > 0 || events.Count > 0) && !patience.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), time, CancellationToken.None);
        }
    }

    private void Sweep()
    {
        var now = time.GetUtcNow();
        foreach (var connection in connections.All)
        {
            if (connection.IsSilent)
            {
                LogSilent(connection.ClientId);
                connection.Close(MqttDisconnectReasonCode.KeepAliveTimeout);
            }
            else if (connection.Expires <= now)
            {
                connection.Close(MqttDisconnectReasonCode.NotAuthorized);
            }
        }

        foreach (var (clientId, will) in sessions.Sweep())
        {
            wills.Publish(will, clientId);
        }
    }

    private static void Close(IEnumerable<Connection> some)
    {
        foreach (var connection in some)
        {
            connection.Close(MqttDisconnectReasonCode.ServerShuttingDown);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Client {ClientId} was silent for longer than its keep-alive: closed")]
    private partial void LogSilent(string clientId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Stopping with {Depth} messages that {ClientId} did not fetch: they are lost")]
    private partial void LogLost(string clientId, int depth);
}
